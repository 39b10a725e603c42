"""Digests of whole runs, to hold two builds of Potstill together to the bit.

    python tools/run_digests.py target/release/potstill > new.txt
    python tools/run_digests.py OTHER_BUILD/potstill > old.txt && diff old.txt new.txt

A change that is to keep the behaviour prints the same lines. They are the same for any number of threads, but not for another
instruction set: compare on one machine. Every method trains a small student on drawn images for a few epochs; a line is the SHA-256 of
the student's tensors by name. Needs Python 3.9 and nothing else.
"""

import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

RECIPE = """
version = 1
name = "{name}"
seed = 7
[data]
train = "shapes:size=16,train=320,test=96,classes=4"
augment = [{{ pad-crop = {{ pad = 2 }} }}, "flip"]
[student]
model = "{student}"
{teacher}
[train]
epochs = {epochs}
batch = 32
drop_last = true
optimizer = {optimizer}
schedule = {{ kind = "cosine", warmup_epochs = 1, per = "step" }}
{methods}
"""
SGD = '{ kind = "sgd", lr = 0.05, momentum = 0.9, nesterov = true, weight_decay = 5e-4 }'
ADAMW = '{ kind = "adamw", lr = 1e-3, weight_decay = 0.05 }'
TRAINED = '[teacher]\nrun = "runs/teacher"'
FRESH = '[teacher]\nmodel = "cifar_resnet14"'

# name: (student, teacher, epochs, optimiser, methods)
RUNS = {
    "teacher": ("cifar_resnet14", "", 4, SGD, []),
    "alone": ("cifar_resnet8", "", 2, SGD, []),
    "alone-adamw": ("cifar_shufflenetv2", "", 2, ADAMW, []),
    "kd": ("cifar_resnet8", TRAINED, 2, SGD, ['kind = "kd"\nweight = 0.9\ntemperature = 4.0']),
    "review-kd": ("cifar_resnet8", TRAINED, 2, SGD, ['kind = "review-kd"\nweight = 0.6']),
    "review-kd-and-kd": ("cifar_wrn_16_1", TRAINED, 2, SGD, ['kind = "review-kd"', 'kind = "kd"']),
    "tskd": ("cifar_resnet8", TRAINED, 8, SGD, ['kind = "tskd"\ninterval = 1']),
    "ekd": ("cifar_resnet8", FRESH, 2, SGD, ['kind = "ekd"']),
    "ekd-teacher-first": ("cifar_resnet8", FRESH, 2, SGD, ['kind = "ekd"\nupdate_order = "teacher-first"']),
    "letkd-1": ("cifar_resnet8", TRAINED, 2, SGD, ['kind = "letkd"\nvariant = 1\ntemplates = 16\ncomponents = 4']),
    "letkd-2": ("cifar_resnet8", TRAINED, 2, SGD, ['kind = "letkd"\nvariant = 2\ntemplates = 16\ncomponents = 3']),
    "tst": (
        "cifar_resnet8", TRAINED, 3, SGD,
        ['kind = "tst"\nrounds = [1, 2]\nround_epochs = 1\nsearch_lr = 0.1\nbank = { kind = "closed-form" }'],
    ),
}


def digest(path):
    """SHA-256 over every tensor of a safetensors file, by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    total = hashlib.sha256()
    for name in sorted(header):
        start, end = header[name]["data_offsets"]
        total.update(name.encode() + b"\0" + json.dumps(header[name]["shape"]).encode())
        total.update(data[8 + length + start : 8 + length + end])
    return total.hexdigest()


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:] or list(RUNS)
    with tempfile.TemporaryDirectory() as place:
        # What a method prepares is made anew.
        own = {**os.environ, "POTSTILL_CACHE": str(pathlib.Path(place, "cache"))}
        for name in ["teacher", *(name for name in wanted if name != "teacher")]:
            student, teacher, epochs, optimizer, methods = RUNS[name]
            methods = "\n".join(f"[[methods]]\n{method}" for method in methods)
            recipe = RECIPE.format(
                name=name, student=student, teacher=teacher, epochs=epochs, optimizer=optimizer, methods=methods
            )
            path = pathlib.Path(place, f"{name}.toml")
            path.write_text(recipe)
            done = subprocess.run([binary, "train", path, "--quiet"], cwd=place, env=own, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:18} failed: {done.stderr.strip()}", flush=True)
                continue
            run = pathlib.Path(place, "runs", name)
            row = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
            print(f"{name:18} {digest(run / 'student' / 'model.safetensors')} loss {row['train']['loss']!r}", flush=True)


if __name__ == "__main__":
    main()
