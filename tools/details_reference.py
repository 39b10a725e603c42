"""Reference values of what an evaluation tells beyond its metrics.

    .venv/bin/python tools/details_reference.py

Needs: numpy, scikit-learn. Writes: crates/potstill-metrics/tests/reference/details.json.

Confusion: scikit-learn's `confusion_matrix` and `recall_score` by class. Calibration: the loop over bins of Guo et al.'s program
(`temperature_scaling.py`, `_ECELoss`), in numpy. Agreement: equal largest logits, and the mean of `sum p (log p - log q)`.
"""

import numpy as np
import reference_json
import sklearn
from sklearn.metrics import confusion_matrix, recall_score


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ece(confidences, accuracies, n_bins=15):
    boundaries = np.linspace(0, 1, n_bins + 1)
    total = 0.0
    for lower, upper in zip(boundaries[:-1], boundaries[1:]):
        in_bin = (confidences > lower) & (confidences <= upper)
        share = in_bin.mean()
        if share > 0:
            total += abs(confidences[in_bin].mean() - accuracies[in_bin].mean()) * share
    return float(total)


def case(images, classes, lift, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    logits = np.round(rng.normal(0, 1.5, (images, classes)) + lift * np.eye(classes)[labels], 3) + 0.0
    teacher = np.round(logits + rng.normal(0, 1, (images, classes)), 3) + 0.0
    p, q = softmax(teacher), softmax(logits)
    predictions = logits.argmax(axis=1)
    confidences = q.max(axis=1)
    return {
        "logits": logits,
        "teacher": teacher,
        "labels": labels,
        "confusion": confusion_matrix(labels, predictions, labels=range(classes)),
        "recall": [
            float(value)
            for value in recall_score(labels, predictions, labels=range(classes), average=None, zero_division=0.0)
        ],
        "ece": ece(confidences, (predictions == labels).astype(float)),
        "same": float((predictions == teacher.argmax(axis=1)).mean()),
        "divergence": float((p * (np.log(p) - np.log(q))).sum(axis=1).mean()),
    }


def main():
    made_by = f"tools/details_reference.py with scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    cases = [case(60, 4, 1.0, 0), case(40, 7, 2.5, 1)]
    content = {"made_by": made_by, "cases": cases}
    reference_json.write("potstill-metrics", "details.json", reference_json.significant(content, 12))


if __name__ == "__main__":
    main()
