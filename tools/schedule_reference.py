"""Reference learning rates of the schedules, per epoch, by PyTorch.

    python tools/schedule_reference.py

Needs: torch. Writes: crates/potstill-recipe/tests/reference/schedules.json.

PyTorch knows two ways to put a warm-up in front of a schedule, and they differ: one after the other
(`SequentialLR`, where the schedule starts counting when the warm-up ends) and one times the other
(`ChainedScheduler`, where the schedule counts from the first epoch). Both are recorded. Every sequence is
checked against the formula that the file states.
"""

import math
import warnings

import torch
from torch.optim import lr_scheduler

import reference_json

EPOCHS, WARM_UP, LR = 10, 2, 0.1
MILESTONES, GAMMA, POWER = [3, 6], 0.1, 0.9


def schedules(optimiser, skipped):
    """The three schedules over the epochs that remain after the first `skipped`."""
    remaining = EPOCHS - skipped
    milestones = [epoch - skipped for epoch in MILESTONES]
    return {
        "multi_step": lambda: lr_scheduler.MultiStepLR(optimiser, milestones, GAMMA),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimiser, T_max=remaining, eta_min=0.0),
        "polynomial": lambda: lr_scheduler.PolynomialLR(optimiser, total_iters=remaining, power=POWER),
    }


def factor(name, epoch, skipped):
    """What the formula of schedule `name` multiplies the base rate with."""
    if name == "multi_step":
        return GAMMA ** sum(epoch >= milestone for milestone in MILESTONES)
    progress = (epoch - skipped) / (EPOCHS - skipped)
    return (1 + math.cos(math.pi * progress)) / 2 if name == "cosine" else (1 - progress) ** POWER


def plain(optimiser, name):
    return schedules(optimiser, 0)[name](), lambda e: factor(name, e, 0)


def warm_up_then(optimiser, name):
    warm_up = lr_scheduler.LinearLR(
        optimiser, start_factor=1 / WARM_UP, end_factor=1.0, total_iters=WARM_UP - 1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = lr_scheduler.SequentialLR(
            optimiser, [warm_up, schedules(optimiser, WARM_UP)[name]()], [WARM_UP]
        )
    return scheduler, lambda e: (e + 1) / WARM_UP if e < WARM_UP else factor(name, e, WARM_UP)


def warm_up_times(optimiser, name):
    warm_up = lr_scheduler.LinearLR(
        optimiser, start_factor=1 / WARM_UP, end_factor=1.0, total_iters=WARM_UP - 1
    )
    scheduler = lr_scheduler.ChainedScheduler([warm_up, schedules(optimiser, 0)[name]()], optimizer=optimiser)
    return scheduler, lambda e: min(1.0, (e + 1) / WARM_UP) * factor(name, e, 0)


def rates(compose, name):
    """The learning rate of every epoch."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler, formula = compose(optimiser, name)
    seen = []
    for epoch in range(EPOCHS):
        seen.append(optimiser.param_groups[0]["lr"])
        assert math.isclose(seen[-1], LR * formula(epoch), rel_tol=1e-9), (
            name,
            epoch,
            seen[-1],
            LR * formula(epoch),
        )
        optimiser.step()
        scheduler.step()
    return seen


def main():
    names = ["multi_step", "cosine", "polynomial"]
    content = {
        "made_by": f"tools/schedule_reference.py with torch {torch.__version__}",
        "base_lr": LR,
        "epochs": EPOCHS,
        "warm_up_epochs": WARM_UP,
        "schedules": {
            "multi_step": {"milestones": MILESTONES, "gamma": GAMMA},
            "cosine": {"lr_min": 0.0},
            "polynomial": {"power": POWER},
        },
        "formulas": {
            "multi_step": "lr * gamma^(number of milestones <= epoch)",
            "cosine": "lr_min + (lr - lr_min) * (1 + cos(pi * s / S)) / 2",
            "polynomial": "lr * (1 - s / S)^power",
            "warm_up": "lr * (epoch + 1) / warm_up_epochs while epoch < warm_up_epochs",
            "plain": "s = epoch, S = epochs",
            "warm_up_then": (
                "SequentialLR: after the warm-up s = epoch - warm_up_epochs, S = epochs - warm_up_epochs; "
                "milestones stay absolute epochs"
            ),
            "warm_up_times": (
                "ChainedScheduler: the product of the warm-up's factor (1 after it) and the plain schedule"
            ),
        },
        "plain": {name: rates(plain, name) for name in names},
        "warm_up_then": {name: rates(warm_up_then, name) for name in names},
        "warm_up_times": {name: rates(warm_up_times, name) for name in names},
    }
    reference_json.write("potstill-recipe", "schedules.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
