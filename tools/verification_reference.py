"""Reference values of verification on pairs in folds, by trying every threshold there is.

    python tools/verification_reference.py

Needs: numpy. Writes: crates/potstill-metrics/tests/reference/verification.json.

A fold is judged by the threshold that tells most pairs of the other folds right; pairs whose score is at least the
threshold are taken for the same identity; of several best thresholds the smallest, among the scores of the other
folds and one above them all.
"""

import numpy as np

import reference_json


def accuracy(scores, same, threshold):
    return 100.0 * np.mean((scores >= threshold) == same)


def judged(folds):
    thresholds, accuracies = [], []
    for held_out in range(len(folds)):
        scores = np.concatenate([s for at, (s, _) in enumerate(folds) if at != held_out])
        same = np.concatenate([t for at, (_, t) in enumerate(folds) if at != held_out])
        candidates = sorted(set(scores.tolist())) + [np.nextafter(scores.max(), np.inf)]
        of_each = [accuracy(scores, same, threshold) for threshold in candidates]
        thresholds.append(candidates[int(np.argmax(of_each))])
        accuracies.append(accuracy(*folds[held_out], thresholds[-1]))
    return thresholds, accuracies


def case(name, folds, each, spread, digits):
    """Scores of a seeded draw; rounding to few digits makes ties."""
    rng = np.random.default_rng(len(name))
    made = []
    for _ in range(folds):
        same = np.arange(2 * each) < each
        scores = np.round(rng.normal(0.2, spread, 2 * each) + 0.4 * same, digits)
        made.append((scores, same))
    thresholds, accuracies = judged(made)
    return {
        "name": name,
        "folds": [{"scores": s, "same": t.astype(int)} for s, t in made],
        "thresholds": thresholds,
        "accuracies": accuracies,
        "threshold": float(np.mean(thresholds)),
        "accuracy": float(np.mean(accuracies)),
        "deviation": float(np.std(accuracies, ddof=1)),
    }


def main():
    cases = [
        case("ten folds", 10, 12, 0.25, 6),
        case("many ties", 4, 10, 0.3, 1),
        case("no better than chance", 3, 8, 3.0, 6),
        case("well apart", 2, 5, 0.01, 6),
    ]
    content = {"made_by": f"tools/verification_reference.py with numpy {np.__version__}", "cases": cases}
    reference_json.write("potstill-metrics", "verification.json", reference_json.significant(content, 12))


if __name__ == "__main__":
    main()
