"""What a cached teacher saves: a sweep over seeds with and without it.

    python tools/teacher_cache_speed.py target/release/potstill [--share 0.04] [--epochs 4] [--views 2] [--train SOURCE] [--test SOURCE]

Trains a teacher for an epoch, then the student by knowledge distillation from three seeds without a cache and with one, all over the
same views, and prints a table: the median step, the time of each run's training and of the sweep. A run with a cache must end in the
student of the run without it, to the bit; the script fails if it does not. Run it on a quiet machine. Needs Python 3.9 and nothing else.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

from run_digests import digest

PAIRS = [("cifar_resnet56", "cifar_resnet20"), ("cifar_resnet32x4", "cifar_resnet8x4")]
SEEDS = [0, 1, 2]

RECIPE = """
version = 1
name = "{name}"
[data]
train = "{train}"
test = "{test}"
few_samples = {share}
test_limit = 256
augment = [{{ pad-crop = {{ pad = 4 }} }}, "flip"]
augment_seed = 0
[student]
model = "{student}"
{teacher}
[train]
epochs = {epochs}
batch = 64
optimizer = {{ kind = "sgd", lr = 0.05, momentum = 0.9, nesterov = true, weight_decay = 5e-4 }}
{methods}
"""
KD = '[[methods]]\nkind = "kd"\nweight = 0.9\ntemperature = 4.0'


def train(arguments, place, name, changes=(), **values):
    """One run: its summary and the digest of its student."""
    path = place / f"{name}.toml"
    path.write_text(RECIPE.format(name=name, **values))
    environment = dict(os.environ, POTSTILL_CACHE=str(place / "cache"))
    command = [arguments.binary.resolve(), "train", path, "--quiet", *changes]
    subprocess.run([str(word) for word in command], check=True, env=environment, cwd=place)
    run = place / "runs" / name
    return json.loads((run / "summary.json").read_text()), digest(run / "student" / "model.safetensors")


def sweep(arguments, place, teacher, student):
    """The rows of one pair."""
    train_set, test_set = (str(pathlib.Path(source).resolve()) for source in (arguments.train, arguments.test))
    values = {"train": train_set, "test": test_set, "share": arguments.share}
    train(arguments, place, teacher, **values, student=teacher, teacher="", epochs=1, methods="")
    run = f'[teacher]\nrun = "runs/{teacher}"'
    values.update(student=student, teacher=run, epochs=arguments.epochs, methods=KD)
    views = f"data.views={arguments.views}"
    sums = [0.0, 0.0]
    for seed in SEEDS:
        pair = []
        for cache in ("false", "true"):
            changes = [f"seed={seed}", views, f"teacher.cache={cache}"]
            pair.append(train(arguments, place, f"{student}-{seed}-{cache}", changes, **values))
        (without, bits), (cached, cached_bits) = pair
        if bits != cached_bits:
            raise SystemExit(f"{student}, seed {seed}: the cache changed the student")
        seconds = [summary["seconds"] for summary in (without, cached)]
        steps = [summary["step_ms_median"] for summary in (without, cached)]
        sums = [total + one for total, one in zip(sums, seconds)]
        row = f"{steps[0]:.1f} | {steps[1]:.1f} | {seconds[0]:.1f} | {seconds[1]:.1f} | {seconds[0] / seconds[1]:.2f}"
        print(f"| {teacher} to {student} | {seed} | {row} |", flush=True)
    print(f"| {teacher} to {student} | all | | | {sums[0]:.1f} | {sums[1]:.1f} | {sums[0] / sums[1]:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    # A part that is the same for every seed; `train_limit` draws one for each.
    parser.add_argument("--share", type=float, default=0.04)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--train", default="../shared/data/cifar10/train.tar")
    parser.add_argument("--test", default="../shared/data/cifar10/test.tar")
    arguments = parser.parse_args()
    print("| pair | seed | step, ms | with a cache | training, s | with a cache | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for teacher, student in PAIRS:
            sweep(arguments, pathlib.Path(place), teacher, student)


if __name__ == "__main__":
    main()
