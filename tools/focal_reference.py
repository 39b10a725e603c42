"""Divergences of rows with a focal weight: what nothing was published for.

    python tools/focal_reference.py

Needs: torch. Writes: crates/potstill-tasks/tests/reference/focal.json. Everything is computed in f64.
"""

import math

import torch

import reference_json


def ar(shape, f):
    return torch.tensor([f(i) for i in range(math.prod(shape))], dtype=torch.float64).reshape(shape)


def case(kind, temperature, focal, row_weights):
    student = ar((4, 3), lambda i: 2 * math.sin(0.8 * i)).requires_grad_()
    teacher = ar((4, 3), lambda i: 2 * math.cos(0.5 * i))
    if kind == "sigmoid":
        ours, theirs = torch.sigmoid(student / temperature), torch.sigmoid(teacher / temperature)
        divergence = theirs * (theirs / ours).log() + (1 - theirs) * ((1 - theirs) / (1 - ours)).log()
        weight = (theirs - ours).abs().detach() ** focal
    else:
        ours, theirs = torch.softmax(student / temperature, 1), torch.softmax(teacher / temperature, 1)
        divergence = theirs * (theirs / ours).log()
        weight = ((theirs - ours).abs().sum(1, keepdim=True) / 2).detach() ** focal
    rows = (divergence * weight).sum(1) * temperature**2
    row_weights = torch.tensor(row_weights, dtype=torch.float64)
    loss = (rows * row_weights).sum() / row_weights.sum()
    loss.backward()
    return {
        "probabilities": kind,
        "temperature": temperature,
        "focal": focal,
        "row_weights": row_weights,
        "loss": loss,
        "gradient": student.grad,
    }


def main():
    cases = [
        case("sigmoid", 1.0, 2.0, [1, 1, 1, 1]),
        case("softmax", 2.0, 1.5, [1, 0, 1, 1]),
        case("sigmoid", 2.0, 0.0, [1, 1, 1, 1]),
    ]
    record = {"made_by": f"tools/focal_reference.py with torch {torch.__version__}, f64", "cases": cases}
    reference_json.write("potstill-tasks", "focal.json", reference_json.significant(record, 9))


if __name__ == "__main__":
    main()
