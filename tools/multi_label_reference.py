"""Reference values of losses where every image has a set of classes.

    python tools/multi_label_reference.py

Needs: torch, numpy. Writes: crates/potstill-tasks/tests/reference/multi_label.json (f64, 9 digits).

* the binary cross-entropy of logits, summed over the classes and averaged over the images, with targets moved towards
  one half by a smoothing;
* the divergence of the student's probabilities, class by class, from the teacher's (Yang et al., "Multi-Label Knowledge
  Distillation", ICCV 2023, section 3.2), softened by a temperature T with the factor T^2 of Hinton et al. 2015;
* logits of the mean of several teachers' softened probabilities, for independent classes and for exclusive ones.

Values and gradients are PyTorch's; the script fails if they differ from the closed forms, computed with numpy, or at
T = 1 from Kullback-Leibler divergences of pairs of probabilities, as the authors' program computes them.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

import reference_json

ROWS, CLASSES = 4, 6
STUDENT = np.array([3 * math.sin(0.7 * i) for i in range(ROWS * CLASSES)]).reshape(ROWS, CLASSES)
TEACHER = np.array([4 * math.cos(0.4 * i) for i in range(ROWS * CLASSES)]).reshape(ROWS, CLASSES)
SECOND = np.array([2 * math.sin(0.3 * i + 1) for i in range(ROWS * CLASSES)]).reshape(ROWS, CLASSES)
SETS = [[0, 3], [], [1, 2, 5], [4]]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def has():
    table = np.zeros((ROWS, CLASSES))
    for row, classes in enumerate(SETS):
        table[row, classes] = 1
    return table


def with_gradient(loss_of, expected_value, expected_gradient):
    student = torch.tensor(STUDENT, requires_grad=True)
    loss = loss_of(student)
    loss.backward()
    np.testing.assert_allclose(loss.item(), expected_value, rtol=1e-12)
    np.testing.assert_allclose(student.grad.numpy(), expected_gradient, rtol=1e-10, atol=1e-14)
    return {"value": loss.item(), "gradient": student.grad}


def binary_cross_entropy(smoothing):
    target = has() * (1 - smoothing) + smoothing / 2
    q = sigmoid(STUDENT)
    value = -(target * np.log(q) + (1 - target) * np.log(1 - q)).sum() / ROWS

    def loss(student):
        return F.binary_cross_entropy_with_logits(student, torch.tensor(target), reduction="sum") / ROWS

    return {"label_smoothing": smoothing} | with_gradient(loss, value, (q - target) / ROWS)


def divergence(temperature):
    p, q = sigmoid(TEACHER / temperature), sigmoid(STUDENT / temperature)
    each = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    value = temperature**2 * each.sum() / ROWS

    def loss(student):
        # The divergence of one binary distribution for each class, as two-class distributions.
        pair = lambda logits: torch.stack([logits, torch.zeros_like(logits)], dim=-1) / temperature
        log_q = F.log_softmax(pair(student), dim=-1)
        log_p = F.log_softmax(pair(torch.tensor(TEACHER)), dim=-1)
        return temperature**2 * F.kl_div(log_q, log_p, reduction="sum", log_target=True) / ROWS

    if temperature == 1:
        as_published = sum(
            F.kl_div(torch.tensor(np.log(b)), torch.tensor(a), reduction="sum").item() for a, b in ((p, q), (1 - p, 1 - q))
        )
        np.testing.assert_allclose(as_published / ROWS, value, rtol=1e-12)
    return {"temperature": temperature} | with_gradient(loss, value, temperature * (q - p) / ROWS)


def mean_of_two(temperature):
    weights = (0.25, 0.75)
    members = [TEACHER / temperature, SECOND / temperature]
    each = sum(w * sigmoid(m) for w, m in zip(weights, members))
    softmax = lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    over = sum(w * softmax(m) for w, m in zip(weights, members))
    return {
        "temperature": temperature,
        "weights": weights,
        "sigmoid": temperature * np.log(each / (1 - each)),
        "softmax": temperature * np.log(over),
    }


def main():
    content = {
        "made_by": f"tools/multi_label_reference.py with torch {torch.__version__}, f64",
        "student": "[4, 6] row-major: 3 sin(0.7 i)",
        "teacher": "[4, 6] row-major: 4 cos(0.4 i)",
        "second_teacher": "[4, 6] row-major: 2 sin(0.3 i + 1)",
        "sets": SETS,
        "binary_cross_entropy": [binary_cross_entropy(smoothing) for smoothing in (0.0, 0.1)],
        "divergence": [divergence(temperature) for temperature in (1.0, 2.0, 4.0)],
        "mean": [mean_of_two(temperature) for temperature in (1.0, 4.0)],
    }
    reference_json.write("potstill-tasks", "multi_label.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
