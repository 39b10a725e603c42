"""Reference values of metrics: average precision, F1, top-1 and top-5.

    python tools/metrics_reference.py

Needs: numpy, scikit-learn. Writes: crates/potstill-metrics/tests/reference/metrics.json.

Multi-label: scikit-learn's `average_precision_score` per class and `f1_score(average="micro")` of logits that are at
least 0 (probability one half). Classes without a positive have no average precision and are left out of the mean. The
script fails if scikit-learn differs from the mean of the precisions at the ranks of the positives, where no scores tie.
Logits have few digits, so that rounding them to single precision neither makes nor breaks a tie.
"""

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, f1_score, top_k_accuracy_score

import reference_json


def mean_precision_at_positives(scores, truth):
    order = np.argsort(-scores)
    ranks = np.flatnonzero(truth[order]) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def multi_label(name, logits, truth):
    each = []
    for scores, column in zip(logits.T, truth.T):
        if not column.any():
            each.append(None)
            continue
        value = float(average_precision_score(column, scores))
        if len(set(scores)) == len(scores):
            np.testing.assert_allclose(value, mean_precision_at_positives(scores, column), rtol=1e-12)
        each.append(value)
    known = [value for value in each if value is not None]
    return {
        "name": name,
        "logits": logits,
        "truth": truth.astype(int),
        "average_precisions": each,
        "map": float(np.mean(known)),
        "micro_f1": float(f1_score(truth, logits >= 0, average="micro")),
    }


def drawn(name, images, classes, digits, lift, seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((images, classes)) < rng.uniform(0.1, 0.6, classes)
    truth[0] = True
    logits = np.round(rng.normal(-0.5, 1.5, (images, classes)) + lift * truth, digits) + 0.0
    return name, logits, truth


def single_label(images, classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    # A permutation of distinct values in each row: no ties.
    logits = np.array([rng.permutation(classes) for _ in range(images)]) / 4
    ranks = [int((row > row[label]).sum()) for row, label in zip(logits, labels)]
    top = [top_k_accuracy_score(labels, logits, k=k, labels=range(classes)) for k in (1, 5)]
    assert [float(np.mean(np.array(ranks) < k)) for k in (1, 5)] == [float(value) for value in top]
    return {
        "logits": logits,
        "labels": labels,
        "ranks": ranks,
        "top1": 100 * float(top[0]),
        "top5": 100 * float(top[1]),
    }


def main():
    without = drawn("a class without an image", 20, 4, 3, 1.0, 3)
    without[2][:, 2] = False
    every = drawn("a class in every image", 16, 3, 3, 1.0, 4)
    every[2][:, 1] = True
    right = drawn("all right", 12, 3, 3, 100.0, 5)
    content = {
        "made_by": f"tools/metrics_reference.py with scikit-learn {sklearn.__version__}, numpy {np.__version__}",
        "multi_label": [
            multi_label(*drawn("no ties", 40, 6, 6, 1.5, 1)),
            multi_label(*drawn("many ties", 40, 5, 0, 1.0, 2)),
            multi_label(*without),
            multi_label(*every),
            multi_label(*right),
            multi_label(*drawn("worse than chance", 24, 4, 3, -2.0, 6)),
        ],
        "single_label": [single_label(30, 10, 7), single_label(25, 6, 8)],
    }
    reference_json.write("potstill-metrics", "metrics.json", reference_json.significant(content, 12))


if __name__ == "__main__":
    main()
