#!/usr/bin/env python3
"""Potstill and PyTorch on the same steps, turn by turn: medians, spread, and the ratio pair by pair.

    cargo build --release
    python tools/bench_compare.py                                  # the whole table, some minutes
    python tools/bench_compare.py --rounds 5 --steps 20 train:cifar_resnet20 infer:cifar_resnet56
    POTSTILL_CPU=avx2 python tools/bench_compare.py --cpu-rounds 0 kd:cifar_resnet56:cifar_resnet20

    python tools/bench_compare.py --size 320 --batch 4 train:retinanet_resnet18_fpn review-kd:fasterrcnn_resnet50_fpn:fasterrcnn_resnet18_fpn

    python tools/bench_compare.py --size 224 --batch 16 --steps 6 train:deit_tiny_patch16_224 kd:swin_tiny_patch4_window7_224:resnet18

A work is `train:STUDENT`, `infer:NETWORK` or `METHOD:TEACHER:STUDENT`. A round runs `potstill bench` and
`bench_pytorch.py` (for detectors and segmenters `bench_dense_pytorch.py`) on it one after the other, each in a fresh process, who begins changing from round to round; their
two medians make one ratio (PyTorch / Potstill: above 1 Potstill is faster). The table gives the median over the
rounds, the smallest and largest in brackets, the median of the ratios, and every ratio. Wall time is taken with
`--threads` threads; then as many `--cpu-rounds` with one thread, of which the CPU time (user + system) is compared,
because it does not suffer from other programs on the machine.

Needs: torch for the interpreter named by `--python` (this one if not given); nothing else. Prints Markdown.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORKS = [
    "train:cifar_resnet20",
    "train:cifar_resnet8x4",
    "train:cifar_wrn_16_2",
    "train:cifar_vgg8",
    "train:cifar_mobilenetv2_x0_5",
    "train:cifar_shufflenetv2",
    "infer:cifar_resnet56",
    "infer:cifar_resnet32x4",
    "kd:cifar_resnet56:cifar_resnet20",
    "review-kd:cifar_resnet32x4:cifar_resnet8x4",
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", default=WORKS, metavar="WORK")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of wall time")
    parser.add_argument("--cpu-rounds", type=int, default=3, help="pairs of CPU time with one thread; 0 for none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, help="height and width of the images, 32 if not given")
    parser.add_argument("--steps", type=int, default=20, help="counted steps of each process")
    parser.add_argument("--fold", action="store_true", help="PyTorch folds the frozen network's batch norms too")
    parser.add_argument("--potstill", default=str(HERE.parent / "target/release/potstill"), metavar="BINARY")
    parser.add_argument("--python", default=sys.executable, help="a Python with torch")
    parser.add_argument("--json", metavar="FILE", help="write every report of every process there too")
    arguments = parser.parse_args()
    if arguments.size and arguments.works is WORKS:
        parser.error("--size wants the works named")
    return arguments


def report(command):
    """The JSON that a process prints, with the load average just before it began; None, and a word, if it fails."""
    load = os.getloadavg()[0]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()
        print(f"{' '.join(command)}: {lines[-1]}", file=sys.stderr)
        return None
    return {**json.loads(done.stdout), "load_before": load}


class Pairs:
    """Runs both programs on a work."""

    def __init__(self, arguments):
        self.arguments = arguments
        listed = subprocess.run(
            [arguments.potstill, "list", "models", "--json"], capture_output=True, text=True, check=True
        )
        self.models = {model["name"]: model for model in json.loads(listed.stdout)}

    def commands(self, work, threads):
        kind, *networks = work.split(":")
        asked = {
            "train": lambda student: ["--student", student],
            "infer": lambda network: ["--infer", network],
        }.get(kind, lambda teacher, student: ["--student", student, "--teacher", teacher, "--method", kind])
        a = self.arguments
        usual = ["--batch", str(a.batch), "--steps", str(a.steps), "--threads", str(threads), "--json"]
        usual += ["--size", str(a.size)] if a.size else []
        ours = [*asked(*networks), *usual]
        if self.models[networks[-1]]["task"] != "classification":
            if kind not in ("train", "review-kd") or a.fold:
                sys.exit(f"{work}: of these networks there are train:STUDENT and review-kd:TEACHER:STUDENT, without --fold")
            # Its only method is ReviewKD.
            named = ["--student", networks[-1]] + (["--teacher", networks[0]] if len(networks) > 1 else [])
            return [a.potstill, "bench", *ours], [a.python, str(HERE / "bench_dense_pytorch.py"), *named, *usual]
        classes = str(self.models[networks[-1]]["classes"])
        torch = [a.python, str(HERE / "bench_pytorch.py"), *ours, "--classes", classes]
        return [a.potstill, "bench", *ours], [*torch, "--fold"] if a.fold else torch

    def run(self, work, threads, rounds):
        """`rounds` pairs (Potstill, PyTorch); fewer, or none, if one of them cannot do this work."""
        pairs = []
        for index in range(rounds):
            commands = self.commands(work, threads)
            order = (0, 1) if index % 2 == 0 else (1, 0)
            reports = {which: report(commands[which]) for which in order}
            if None in reports.values():
                break
            pairs.append((reports[0], reports[1]))
            wall = [r["step_ms"]["median"] for r in pairs[-1]]
            print(f"{work}, {threads} threads: {wall[0]:.1f} against {wall[1]:.1f} ms", file=sys.stderr)
        return pairs


def spread(values):
    """`median (smallest to largest)`."""
    digits = 1 if max(values) < 1000 else 0
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return f"{statistics.median(values):.{digits}f} ({low} to {high})"


def columns(pairs, key):
    """Cells of Potstill's and PyTorch's figures, the median ratio, and all ratios."""
    if not pairs or any(key(r) is None for pair in pairs for r in pair):
        return ["-"] * 4
    ours, theirs = ([key(pair[side]) for pair in pairs] for side in (0, 1))
    ratios = [b / a for a, b in zip(ours, theirs)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return [spread(ours), spread(theirs), f"**{statistics.median(ratios):.2f}**", each]


def row(cells):
    return f"| {' | '.join(cells)} |"


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def heading(measured, arguments):
    """What the table was measured on."""
    reports = [r for wall, cpu in measured.values() for pair in wall + cpu for r in pair]
    pair = next((wall + cpu)[0] for wall, cpu in measured.values() if wall or cpu)
    loads = [r["load_before"] for r in reports]
    sets = " and ".join(str(r.get("isa", "an unknown instruction set")) for r in pair)
    asked = os.environ.get("POTSTILL_CPU")
    return "\n".join(
        [
            f"{os.cpu_count()} processors ({processor()}); load average before a process {min(loads):.1f} to"
            f" {max(loads):.1f}, median {statistics.median(loads):.1f}.",
            f"{pair[0].get('version', 'Potstill')} ({sets.split(' and ')[0]}"
            f"{f', POTSTILL_CPU={asked}' if asked else ''}) and {pair[1]['version']} ({sets.split(' and ')[-1]}"
            f"{', frozen batch norms folded' if arguments.fold else ''}); batch {arguments.batch},"
            f" {arguments.steps} steps a process.",
        ]
    )


def main():
    arguments = parse()
    pairs = Pairs(arguments)
    measured = {}
    for work in arguments.works:
        if work.split(":")[-1] not in pairs.models:
            print(f"{work}: this Potstill has no such network", file=sys.stderr)
            continue
        measured[work] = (
            pairs.run(work, arguments.threads, arguments.rounds),
            pairs.run(work, 1, arguments.cpu_rounds),
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(measured, indent=1) + "\n")
    if not any(wall or cpu for wall, cpu in measured.values()):
        sys.exit("nothing could be measured")
    wall_head = f"wall, {arguments.threads} threads"
    print(heading(measured, arguments) + "\n")
    print(row(["work", f"Potstill ms ({wall_head})", "PyTorch ms", "ratio", "pairs",
               "Potstill CPU ms (1 thread)", "PyTorch CPU ms", "ratio", "pairs"]))
    print(row(["---"] * 9))
    for work, (wall, cpu) in measured.items():
        cells = columns(wall, lambda r: r["step_ms"]["median"]) + columns(cpu, lambda r: r.get("cpu_ms"))
        print(row([work.replace(":", " "), *cells]))


if __name__ == "__main__":
    main()
