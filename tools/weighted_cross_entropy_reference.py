"""Writes crates/potstill-tasks/tests/reference/weighted_cross_entropy.json: the cross-entropy with class weights and label smoothing.

By NumPy in double precision from the formula of PyTorch's documentation of `CrossEntropyLoss` (mean reduction); where PyTorch is installed,
its own value must agree. Gradients are central differences.

    python tools/weighted_cross_entropy_reference.py
"""

import json
from pathlib import Path

import numpy as np

LABELS = [2, 0, 3, 3, 1]
WEIGHTS = [0.5, 1.0, 2.5, 0.25]
OUT = Path(__file__).parents[1] / "crates/potstill-tasks/tests/reference/weighted_cross_entropy.json"


def logits():
    i = np.arange(20, dtype=np.float64).reshape(5, 4)
    return 3.0 * np.sin(0.3 * i)


def loss(x, smoothing, weights):
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    classes = x.shape[1]
    w = np.asarray(weights)
    # The target of image n gives 1 - s to its class and s / K to every class; class c counts by w[c]; the sum is divided by the sum
    # of the weights of the images' classes.
    target = np.full_like(x, smoothing / classes)
    target[np.arange(len(LABELS)), LABELS] += 1.0 - smoothing
    return -(w * log_p * target).sum() / w[LABELS].sum()


def gradient(x, smoothing, weights, step=1e-6):
    found = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[at] += step
        below[at] -= step
        found[at] = (loss(above, smoothing, weights) - loss(below, smoothing, weights)) / (2 * step)
    return found


def check_by_pytorch(x, smoothing, value):
    try:
        import torch
    except ImportError:
        return
    rule = torch.nn.CrossEntropyLoss(weight=torch.tensor(WEIGHTS, dtype=torch.float64), label_smoothing=smoothing)
    theirs = rule(torch.from_numpy(x), torch.tensor(LABELS)).item()
    assert abs(theirs - value) < 1e-12, (theirs, value)


cases = []
for smoothing in [0.0, 0.1]:
    x = logits()
    value = loss(x, smoothing, WEIGHTS)
    check_by_pytorch(x, smoothing, value)
    cases.append(
        {
            "label_smoothing": smoothing,
            "value": [value],
            "gradient": [round(float(g), 9) for g in gradient(x, smoothing, WEIGHTS).ravel()],
        }
    )
OUT.write_text(json.dumps({"labels": LABELS, "weights": WEIGHTS, "cases": cases}, indent=1) + "\n")
