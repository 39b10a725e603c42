"""Reference values of the soft-target loss (Hinton et al. 2015), of cross entropy and of accuracy.

    python tools/kd_reference.py

Needs: torch, numpy. Writes: crates/potstill-methods/tests/reference/kd.json (f64, 9 digits).

The values and gradients are PyTorch's (autograd); the script fails if they differ from the closed forms,
computed with numpy.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

import reference_json

ROWS, CLASSES = 4, 10
STUDENT = np.array([3 * math.sin(0.1 * i) for i in range(ROWS * CLASSES)]).reshape(ROWS, CLASSES)
TEACHER = np.array([4 * math.cos(0.07 * i) for i in range(ROWS * CLASSES)]).reshape(ROWS, CLASSES)
LABELS = [3, 1, 4, 1]
OTHER_LABELS = [9, 5, 0, 9]  # two of them first, one second, one last


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def with_gradient(loss_of, expected_value, expected_gradient):
    """The loss of the student's logits and its gradient, checked against the closed forms."""
    student = torch.tensor(STUDENT, requires_grad=True)
    loss = loss_of(student)
    loss.backward()
    np.testing.assert_allclose(loss.item(), expected_value, rtol=1e-12)
    np.testing.assert_allclose(student.grad.numpy(), expected_gradient, rtol=1e-10, atol=1e-14)
    return {"value": loss.item(), "gradient": student.grad}


def soft_targets(temperature):
    p, q = softmax(TEACHER / temperature), softmax(STUDENT / temperature)
    value = temperature**2 * (p * (np.log(p) - np.log(q))).sum() / ROWS
    gradient = temperature * (q - p) / ROWS

    def loss(student):
        log_q = F.log_softmax(student / temperature, dim=1)
        target = F.softmax(torch.tensor(TEACHER) / temperature, dim=1)
        return temperature**2 * F.kl_div(log_q, target, reduction="batchmean")

    return {"temperature": temperature} | with_gradient(loss, value, gradient)


def cross_entropy(smoothing):
    target = (1 - smoothing) * np.eye(CLASSES)[LABELS] + smoothing / CLASSES
    q = softmax(STUDENT)
    value, gradient = -(target * np.log(q)).sum() / ROWS, (q - target) / ROWS

    def loss(student):
        return F.cross_entropy(student, torch.tensor(LABELS), label_smoothing=smoothing)

    return {"label_smoothing": smoothing} | with_gradient(loss, value, gradient)


def correct(logits, labels):
    """How many rows have their label among the 1 and the 5 largest logits."""
    ranks = [int((row > row[label]).sum()) for row, label in zip(logits, labels)]
    top = torch.tensor(logits).topk(5, dim=1).indices
    for k in (1, 5):
        by_topk = sum(label in row[:k] for row, label in zip(top.tolist(), labels))
        assert by_topk == sum(rank < k for rank in ranks)
    return {
        "labels": labels,
        "top1": sum(rank < 1 for rank in ranks),
        "top5": sum(rank < 5 for rank in ranks),
        "rank_of_label": ranks,
    }


def main():
    content = {
        "made_by": f"tools/kd_reference.py with torch {torch.__version__}, f64",
        "student": "[4, 10] row-major: 3 sin(0.1 i)",
        "teacher": "[4, 10] row-major: 4 cos(0.07 i)",
        "labels": LABELS,
        "formulas": {
            "soft_targets": (
                "T^2 / rows * sum of p (log p - log q), p = softmax(teacher / T), q = softmax(student / T); "
                "gradient with respect to the student T (q - p) / rows"
            ),
            "cross_entropy": (
                "-1 / rows * sum of t log softmax(student), t = (1 - a) one_hot(label) + a / classes;"
                " gradient (q - t) / rows"
            ),
        },
        "soft_targets": [soft_targets(temperature) for temperature in (1.0, 2.0, 4.0)],
        "cross_entropy": [cross_entropy(smoothing) for smoothing in (0.0, 0.1)],
        "correct": [{"logits": "student"} | correct(STUDENT, labels) for labels in (LABELS, OTHER_LABELS)],
    }
    reference_json.write("potstill-methods", "kd.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
