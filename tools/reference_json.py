"""Writes reference values as small, readable JSON files beside the tests that read them."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100


def significant(value, digits):
    """Numbers, tensors, lists or dicts of them as plain Python, every float at so many significant digits."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: significant(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [significant(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def write(crate, name, content):
    """Writes `crates/CRATE/tests/reference/NAME` and says so."""
    path = ROOT / "crates" / crate / "tests" / "reference" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(content, 0) + "\n")
    print(f"wrote {path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def _text(value, depth):
    """A list of scalars, and whatever is short, stays on one line."""
    line = json.dumps(value, allow_nan=False)
    nested = isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)
    )
    if not nested or len(line) <= WIDTH:
        return line
    indent = " " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_text(item, depth + 1)}" for key, item in value.items()]
    else:
        items = [_text(item, depth + 1) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{indent}" + f",\n{indent}".join(items) + f"\n{' ' * depth}{closing}"
