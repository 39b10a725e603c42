"""Tries a folder of hostile files on the binary, and prints a table: exit code, seconds, megabytes, the line that tells why.

python tools/hostile_gallery.py target/release/potstill ../shared/cases-attack > gallery.md

The folder has weights/, images/, tar/, idx/, onnx/ and recipes/; each file goes through the command that a user would hand it to. Linux only.
"""

import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

RECIPE = """version = 1
name = "attacked"
seed = 7
[data]
train = "{data}"
[student]
model = "cifar_resnet8"
{student}
[train]
epochs = 1
batch = 20
optimizer = {{ kind = "sgd", lr = 0.05 }}
"""

SHAPES = "shapes:size=16,train=80,test=40,classes=4"
MOST_ADDRESSES = 10 << 30
MOST_SECONDS = 60


def run(arguments, folder):
    """Exit code, seconds, megabytes and what is said."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    with tempfile.TemporaryFile() as said:
        begun = time.time()
        process = subprocess.Popen(arguments, cwd=folder, stdout=said, stderr=subprocess.STDOUT, preexec_fn=limit)
        code = None
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status) if code is None else code
                break
            if time.time() - begun > MOST_SECONDS:
                code = "timeout"
                process.kill()
            time.sleep(0.003)
        seconds = time.time() - begun
        said.seek(0)
        return code, seconds, usage.ru_maxrss / 1024, said.read().decode(errors="replace")


def row(name, arguments, folder, cases):
    code, seconds, megabytes, said = run(arguments, folder)
    said = said.replace(f"{cases}/", "").replace(f"{folder}/", "")
    orders = re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)
    lines = [line for line in said.strip().split("\n") if line]
    # The error of a folder counts the images that cannot be read; why stands above it.
    kinds = ("unreadable", "error", "warning")
    told = next((line for kind in kinds for line in lines if line.startswith(kind)), lines[-1] if lines else "")
    told = told if len(told) < 240 else told[:237] + "..."
    bad = code not in (0, 1, 2) or orders or "panicked" in said
    told = told.replace("|", "\\|").replace("<", "&lt;")
    print(f"| {name} | {'**' if bad else ''}{code}{'**' if bad else ''} | {seconds:.2f} | {megabytes:.0f} | {told} |", flush=True)


def main():
    binary, cases = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    print("| file | code | seconds | MB | what is said |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)

        def recipe(data=SHAPES, student=""):
            path = place / "recipe.toml"
            path.write_text(RECIPE.format(data=data, student=student))
            return path

        row("a sound recipe", [binary, "plan", recipe()], place, cases)
        for path in sorted((cases / "weights").iterdir()):
            row(f"weights/{path.name}", [binary, "plan", recipe(student=f'weights = "{path}"')], place, cases)
        images = cases / "images"
        for path in sorted(images.glob("header*")):
            folder = place / path.stem
            for kind in ("a", "b"):
                (folder / kind).mkdir(parents=True)
                shutil.copy(images / "good.png", folder / kind)
            shutil.copy(path, folder / "a")
            row(f"images/{path.name}", [binary, "data", "check", f"{folder}/"], place, cases)
        for kind in ("tar", "idx"):
            for path in sorted((cases / kind).iterdir()):
                row(f"{kind}/{path.name}", [binary, "data", "check", path], place, cases)
        for path in sorted((cases / "onnx").iterdir()):
            row(f"onnx/{path.name}", [binary, "inspect", path], place, cases)
        for path in sorted((cases / "recipes").iterdir()):
            row(f"recipes/{path.name}", [binary, "plan", path], place, cases)


if __name__ == "__main__":
    main()
