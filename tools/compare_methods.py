"""Runs the comparisons of docs/results.md: one recipe, one budget, several seeds, with each method.

    cargo build --release
    python tools/compare_methods.py cifar10 [NAME ...] [--seeds 3] [--runs runs] [--print]

A set is a recipe and named changes of it. Runs that are there already are kept, an interrupted one goes on. `--print`
only shows the commands. At the end: the mean and the standard deviation over seeds of the last epoch's headline (top-1, AP, mask AP,
mIoU) on the test images, and of its difference to the student alone with the same seed, as Markdown. Needs nothing but the program.
"""

import argparse
import json
import statistics
import subprocess
from pathlib import Path

KD = 'methods=[{ kind = "kd" }]'
REVIEW = 'methods=[{ kind = "review-kd", ramp_epochs = 1, weight = 0.6 }]'
FRESH_TEACHER = "teacher={ model = \"cifar_resnet20\", shortcut = \"a\", input = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] } }"
FRESH_GREY_TEACHER = 'teacher={ model = "cifar_resnet20", input = { mean = [0.1307], std = [0.3081] } }'


def ekd(options=""):
    return 'methods=[{ kind = "ekd"%s }]' % (", " + options if options else "")


def tskd(options=""):
    return 'methods=[{ kind = "tskd"%s }]' % (", " + options if options else "")


def letkd(options):
    return 'methods=[{ kind = "letkd", %s }]' % options


def tst(options):
    return 'methods=[{ kind = "tst", %s }]' % options


AHEAD = 'teacher_mode = "evolving-from-checkpoint"'
# The bank in closed form: networks would need as many steps as the whole comparison has to learn their operations.
CLOSED_FORM = 'bank = { kind = "closed-form" }'
FROZEN = 'teacher_mode = "frozen"'
LOW = "student.input.low_resolution={ size = 8 }"
LONGER = "train.epochs=24"
FEW = ["data.few_samples=0.05", "train.epochs=8"]
# The published pair: a teacher of 56 layers, a student of 20. Four times the work of ResNet-20 to ResNet-8.
LARGER = ['student.model="cifar_resnet20"', 'teacher.model="cifar_resnet56"']
LARGER_WEIGHTS = 'teacher.weights="../shared/data/cifar10-teachers/resnet56-4bfd9763.th"'


# The published widths (64 channels for maps of 32 rows) take three seconds a step on two cores.
NARROW = "hidden = [16, 16, 16]"


def every_method(fresh_teacher):
    """The student alone, KD and the methods that take images of any number of channels."""
    return {
        "alone": [],
        "kd": [KD],
        "review-kd": [REVIEW],
        "tskd": [tskd(NARROW)],
        "ekd": [fresh_teacher, ekd()],
        "letkd-1": [letkd("variant = 1, templates = 512")],
        "letkd-2": [letkd("variant = 2, templates = 512, components = 8")],
    }


# TST needs images in colour.
# The published first learning rate of the search, 0.01, is made for rounds of 23,000 steps; these have 78.
LEARNED = {"tst": [tst(CLOSED_FORM + ", rounds = [1, 4], round_epochs = 1, search_lr = 0.1")]}
LEARNED_LONGER = {"tst": [tst(CLOSED_FORM + ", rounds = [4, 16], round_epochs = 4, search_lr = 0.1")]}



def longer(changes):
    """The same, four times as long."""
    return {f"{name}-24": [LONGER, *change] for name, change in changes.items()}


def larger(changes):
    """The same with ResNet-56 and ResNet-20."""
    return {
        f"resnet56-{name}": [*change, *LARGER] + ([] if FRESH_TEACHER in change else [LARGER_WEIGHTS])
        for name, change in changes.items()
    }


CIFAR10 = every_method(FRESH_TEACHER)
# A student of 20 layers takes so short a training badly where the logits of a better teacher outweigh the labels.
LIGHT = {
    "kd-weight-0.1": ['methods=[{ kind = "kd", weight = 0.1 }]'],
    "tskd-kl-0.1": [tskd(NARROW + ", kl_weight = 0.1")],
}

# The long comparison, at first with the published weights or those of the short one.
CACHED = "teacher.cache=true"
LONG_EKD = ekd("transfer_warmup_epochs = 30")
LONG_TST = 'bank = { kind = "trained" }, rounds = [12, 30], round_epochs = 4, search_lr = 0.05'
EVIDENCE = {
    "alone": [],
    "kd": [KD, CACHED],
    "review-kd": ['methods=[{ kind = "review-kd", ramp_epochs = 5, weight = 0.6 }]'],
    # Its reviews read maps, which a cache of logits does not keep.
    "tskd": [tskd(NARROW + ", review_weight = 5.0")],
    "ekd": [FRESH_TEACHER, LONG_EKD],
    "letkd-1": [letkd("variant = 1, templates = 512")],
    "letkd-2": [letkd("variant = 2, templates = 512, components = 8")],
    "tst": [tst(LONG_TST)],
    "kd-letkd-1": ['methods=[{ kind = "kd" }, { kind = "letkd", variant = 1, templates = 512 }]'],
    "review-kd-kd": ['methods=[{ kind = "review-kd", ramp_epochs = 5, weight = 0.6 }, { kind = "kd" }]'],
}


def dense(recipe, rest):
    """A recipe of ReviewKD, the same student alone, and the rest."""
    return (recipe, {"alone": ["methods=[]"], "review-kd": []} | {name: [text] for name, text in rest.items()})


# Weights of the method's papers for detectors and segmenters; PKD's and CWD's as in MMRazor.
PYRAMID = {
    "tskd": 'methods=[{ kind = "tskd" }]',
    "cwd": 'methods=[{ kind = "cwd", weight = 10.0, temperature = 1.0 }]',
    "pkd": 'methods=[{ kind = "pkd", weight = 6.0 }]',
    "tst": 'methods=[{ kind = "tst" }]',
}
PIXELS = {
    "kd": 'methods=[{ kind = "kd", temperature = 1.0, weight = 1.0 }]',
    "cwd": 'methods=[{ kind = "cwd", weight = 3.0, temperature = 4.0 }]',
    "tskd": 'methods=[{ kind = "tskd" }]',
    "tst": 'methods=[{ kind = "tst" }]',
}

SETS = {
    # Dense tasks. The teachers of drawn scenes are trained first: `potstill train scenes-detection-teacher`.
    "scenes-detection": dense("scenes-detection-review-kd", PYRAMID),
    "scenes-instances": dense("scenes-instances-review-kd", PYRAMID),
    "camvid": dense("camvid-enet-review-kd", PIXELS),
    "evidence": ("evidence-cifar10", EVIDENCE),
    "cifar10": ("comparison-cifar10", CIFAR10 | LEARNED),
    "cifar10-longer": ("comparison-cifar10", longer(CIFAR10 | LEARNED_LONGER)),
    "resnet56": ("comparison-cifar10", larger(CIFAR10 | LIGHT | LEARNED)),
    "mnist": ("comparison-mnist", every_method(FRESH_GREY_TEACHER)),
    # The temporal term left out, as it is, five times as strong.
    "tskd": (
        "comparison-mnist",
        {
            "tskd-review-0": [tskd(NARROW + ", review_weight = 0.0")],
            "tskd": [tskd(NARROW)],
            "tskd-review-5": [tskd(NARROW + ", review_weight = 5.0")],
        },
    ),
    # The control experiments of EKD: (a) to (f).
    "ekd": (
        "comparison-mnist",
        {
            "alone": [],
            "ekd-frozen-logits": [ekd(FROZEN + ", beta = 0.0, eta = 0.0")],
            "ekd-frozen-guided": [ekd(FROZEN)],
            "ekd-logits": [FRESH_GREY_TEACHER, ekd("beta = 0.0")],
            "ekd-guided": [FRESH_GREY_TEACHER, ekd("alpha = 0.0")],
            "ekd": [FRESH_GREY_TEACHER, ekd()],
        },
    ),
    # The weights of EKD's two ways of teaching, one at a time.
    "ekd-weights": (
        "comparison-mnist",
        {f"ekd-alpha-{w}": [FRESH_GREY_TEACHER, ekd(f"alpha = {w}")] for w in (0.5, 2.0)}
        | {f"ekd-beta-{w}": [FRESH_GREY_TEACHER, ekd(f"beta = {w}")] for w in (0.1, 0.3, 3.0, 10.0)},
    ),
    # A teacher that is ahead from the start and evolves.
    "ekd-ahead": (
        "comparison-cifar10",
        {"alone": [], "ekd-ahead": [ekd(AHEAD)]},
    ),
    # The same layer without supervision, and with.
    "letkd": (
        "comparison-mnist",
        {
            "letkd-unsupervised": ['methods=[{ kind = "letkd", variant = 1, templates = 512, weight = 0.0 }]'],
            "letkd-1": [letkd("variant = 1, templates = 512")],
        },
    ),
    # The same in colour, and with less supervision.
    "letkd-weights": (
        "comparison-cifar10",
        {
            f"letkd-1-weight-{weight}": [letkd(f"variant = 1, templates = 512, weight = {weight}")]
            for weight in (0.0, 0.1, 0.3)
        },
    ),
    # Three times as long, and beside KD: layers that start from nothing need time.
    "letkd-longer": (
        "comparison-mnist",
        {
            "alone-24": [LONGER],
            "letkd-1-24": [LONGER, letkd("variant = 1, templates = 512")],
            "kd-letkd-1": [
                'methods=[{ kind = "kd" }, { kind = "letkd", variant = 1, templates = 512 }]',
            ],
        },
    ),
    # No augmentation beside the same logit loss, one that never learns, one that does.
    "tst": (
        "comparison-cifar10",
        {"kd": [KD], "tst-uniform": [tst(CLOSED_FORM + ", rounds = []")]} | LEARNED,
    ),
    # The student sees 8x8, the teacher 32x32.
    "low-resolution": (
        "comparison-cifar10",
        {
            "low-alone": [LOW],
            "low-kd": [LOW, KD],
            "low-ekd": [LOW, FRESH_TEACHER, ekd()],
            "low-ekd-ahead": [LOW, ekd(AHEAD)],
        },
    ),
    # 5 % of the images, 250 of a class, for student and teacher.
    "few-samples": (
        "comparison-cifar10",
        {
            "few-teacher": [*FEW, 'student.model="cifar_resnet20"'],
            "few-alone": FEW,
            "few-kd": [*FEW, 'teacher={ run = "%RUNS%/comparison-cifar10-few-teacher/seed-0" }', KD],
            "few-kd-all-data": [*FEW, KD],
            "few-ekd": [*FEW, FRESH_TEACHER, ekd()],
            "few-ekd-ahead": [*FEW, ekd(AHEAD)],
            # Little is transferred as long as the teacher knows little.
            "few-ekd-warm": [*FEW, FRESH_TEACHER, ekd("transfer_warmup_epochs = 8")],
        },
    ),
}


def headline(summary):
    """The headline after the last epoch; runs of the first format knew top-1 alone."""
    if summary["schema_version"] == 1:
        return summary["last"]["top1"]
    return summary["last"]["metrics"][summary["metrics"]["headline"]["name"]]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("set", choices=SETS)
    arguments.add_argument("names", nargs="*", metavar="NAME", help="of the set; all if none")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--runs", default="runs")
    arguments.add_argument("--potstill", default="target/release/potstill")
    arguments.add_argument("--print", action="store_true", dest="only_print")
    given = arguments.parse_args()
    recipe, changes = SETS[given.set]
    rows = []
    for name in given.names or changes:
        run = f"{recipe.removesuffix('-review-kd')}-{name}"
        overrides = [f"name={run}"] + [text.replace("%RUNS%", given.runs) for text in changes[name]]
        command = [given.potstill, "train", f"recipes/{recipe}.toml", *overrides]
        command += ["--seeds", str(given.seeds), "--runs", given.runs, "--resume"]
        if given.only_print:
            print(" ".join(f"'{part}'" if any(c in part for c in " {[") else part for part in command))
            continue
        subprocess.run(command, check=True)
        summaries = sorted(Path(given.runs, run).glob("seed-*/summary.json"))
        rows.append((name, [json.loads(path.read_text()) for path in summaries]))
    print_table(rows)


def print_table(rows):
    """A line for each name: the mean over seeds, the mean difference to the student alone of the same seed, each seed, minutes of a run."""
    alone = {summary["seed"]: headline(summary) for name, summaries in rows if name == "alone" for summary in summaries}
    for name, summaries in rows:
        by_seed = {summary["seed"]: headline(summary) for summary in summaries}
        gains = [value - alone[seed] for seed, value in by_seed.items() if name != "alone" and seed in alone]
        minutes = sum(summary["seconds"] for summary in summaries) / 60 / len(summaries)
        each = ", ".join(f"{value:.2f}" for value in by_seed.values())
        print(f"| {name} | {spread(list(by_seed.values()))} | {spread(gains)} | {each} | {minutes:.1f} |")


def spread(values):
    """The mean, and behind it the sample standard deviation where there are several."""
    if not values:
        return ""
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{deviation}"


if __name__ == "__main__":
    main()
