"""Whether a run grows: trains a small student for 10,000 steps and fits a line to the memory of the process.

python tools/memory_slope.py target/release/potstill [METHOD]        kd if no method is named; `none` for no teacher

Prints the memory after a tenth of the steps and at the end, and the slope in bytes a step over the last nine tenths. Linux only.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

STEPS, OF_EPOCH = 10_000, 20

RECIPE = """version = 1
name = "slope"
[data]
train = "shapes:size=16,train=160,test=16,classes=4"
[student]
model = "cifar_resnet8"
{method}
[train]
epochs = {epochs}
batch = 8
optimizer = {{ kind = "sgd", lr = 0.01, momentum = 0.9 }}
"""

METHOD = """[teacher]
weights = "{weights}"
model = "cifar_resnet8"
[[methods]]
kind = "{kind}"
"""


def train(binary, folder, kind, epochs, watched):
    name = folder / f"{kind}.toml"
    weights = folder / "runs/slope/student/model.safetensors"
    method = "" if kind == "none" else METHOD.format(weights=weights, kind=kind)
    name.write_text(RECIPE.format(epochs=epochs, method=method))
    overrides = [f"name={'slope' if not watched else 'watched'}"]
    process = subprocess.Popen([binary, "--quiet", "train", name, *overrides], cwd=folder)
    rows = folder / "runs" / overrides[0].split("=")[1] / "metrics.jsonl"
    seen = []
    while process.poll() is None:
        time.sleep(0.1)
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            done = rows.read_bytes().count(b"\n")
        except OSError:
            continue
        memory = re.search(r"VmRSS:\s+(\d+)", status)
        if memory:
            seen.append((done * OF_EPOCH, int(memory[1]) * 1024))
    if process.returncode:
        sys.exit(f"the run ended with {process.returncode}")
    return seen


def slope(points):
    mean = [sum(column) / len(points) for column in zip(*points)]
    products = sum((x - mean[0]) * (y - mean[1]) for x, y in points)
    return products / sum((x - mean[0]) ** 2 for x, _ in points)


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    kind = sys.argv[2] if len(sys.argv) > 2 else "kd"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if kind != "none":
            train(binary, folder, "none", 1, watched=False)
        seen = train(binary, folder, kind, STEPS // OF_EPOCH, watched=True)
    late = [point for point in seen if point[0] >= STEPS // 10]
    first, last = late[0][1] / 2**20, late[-1][1] / 2**20
    print(f"{kind}: {first:.1f} MiB after {late[0][0]} steps, {last:.1f} MiB after {late[-1][0]}; {slope(late):.1f} bytes a step")


if __name__ == "__main__":
    main()
