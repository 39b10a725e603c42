"""What pycocotools says of the cases of COCO's average precision.

    python tools/coco_reference.py

Measures the detections (`dt`) of every case in crates/potstill-data/tests/reference/coco.json against its truth (`gt`) and writes the
twelve numbers and those of each category beside them. Needs pycocotools 2.0.11.
"""

import contextlib
import copy
import io
import json
import pathlib

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

FILE = pathlib.Path(__file__).parent.parent / "crates/potstill-data/tests/reference/coco.json"


def mean(values):
    """The mean of what was measured; -1 if nothing was."""
    values = values[values > -1]
    return float(np.mean(values)) if values.size else -1.0


def measured(case):
    """The twelve numbers, and those of each category."""
    kind = "segm" if "segmentation" in case["dt"][0] else "bbox"
    truth = COCO()
    truth.dataset = copy.deepcopy(case["gt"])
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(case["dt"])), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    categories = {
        str(category): {
            "AP": round(mean(precision[:, :, at, 0, 2]), 13),
            "AP50": round(mean(precision[0, :, at, 0, 2]), 13),
            "AR100": round(mean(recall[:, at, 0, 2]), 13),
        }
        for at, category in enumerate(evaluation.params.catIds)
    }
    return [round(float(number), 13) for number in evaluation.stats], categories


def main():
    cases = json.loads(FILE.read_text())
    for name, case in cases.items():
        if not isinstance(case, dict):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            stats, categories = measured(case)
        before = case["stats"], case["per_category"]
        case["stats"], case["per_category"] = stats, categories
        print(name, "as before" if (stats, categories) == before else f"was {before}, is {(stats, categories)}")
    FILE.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
