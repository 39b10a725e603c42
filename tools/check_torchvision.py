"""Loads an exported detector into torchvision with `strict=True` and compares what both find.

    potstill predict runs/NAME pictures/ --json --min-score 0.05 > found.json
    python tools/check_torchvision.py runs/NAME/student pictures/ found.json

Needs: torch, torchvision, safetensors, pillow. For RetinaNet, FCOS, Faster and Mask R-CNN on a ResNet. The pictures must have
the size that the exported `config.json` says, so that neither side resizes. A missing, extra or misshaped tensor is an error.
Every detection of torchvision above the score must be in the file, with the same class, a score within 1e-3 and edges within a
tenth of a pixel, and the other way round. Prints counts and the largest differences as JSON; exit code 1 if something is missing.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import resnet
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.transforms.functional import pil_to_tensor

KINDS = {"retinanet": RetinaNet, "fcos": FCOS, "fasterrcnn": FasterRCNN, "maskrcnn": MaskRCNN}
TWO_STAGES = ("fasterrcnn", "maskrcnn")


def build(config, state, score):
    """The torchvision network of a config, with its weights."""
    kind, body = config["architecture"].removesuffix("_fpn").split("_", 1)
    has_counters = any(name.endswith("num_batches_tracked") for name in state)
    norm = torch.nn.BatchNorm2d if has_counters else FrozenBatchNorm2d
    network = resnet.__dict__[body](weights=None, norm_layer=norm)
    if kind in TWO_STAGES:
        backbone, classes = _resnet_fpn_extractor(network, 5), config["classes"] + 1
        settings = {"box_score_thresh": score}
    else:
        backbone = _resnet_fpn_extractor(
            network, 5, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256)
        )
        classes, settings = config["classes"], {"score_thresh": score}
    given = config["input"]
    height, width = given["size"]
    settings |= {"image_mean": given["mean"], "image_std": given["std"]}
    settings |= {"min_size": min(height, width), "max_size": max(height, width)}
    model = KINDS[kind](backbone, classes, **settings)
    counters = {name: value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}
    model.load_state_dict({**counters, **state} if not has_counters else state, strict=True)
    return model.eval(), kind in TWO_STAGES


def pictures(path):
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in (".png", ".jpg", ".jpeg"))


def differences(found, expected):
    """For each of `expected` the nearest of `found` of its class: the largest difference of an edge, and of the score."""
    missing, edge, score = 0, 0.0, 0.0
    for name, probability, box in expected:
        near = [
            (max(abs(a - b) for a, b in zip(box, other)), abs(probability - other_probability))
            for other_name, other_probability, other in found
            if other_name == name
        ]
        near = [pair for pair in near if pair[0] <= 0.1 and pair[1] <= 1e-3]
        if near:
            best = min(near)
            edge, score = max(edge, best[0]), max(score, best[1])
        else:
            missing += 1
    return missing, edge, score


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("found", type=Path)
    parser.add_argument("--score", type=float, default=0.05)
    arguments = parser.parse_args()
    config = json.loads((arguments.folder / "config.json").read_text())
    state = load_file(arguments.folder / "model.safetensors")
    model, has_background = build(config, state, arguments.score)
    ours = {Path(answer["file"]).name: answer["objects"] for answer in json.loads(arguments.found.read_text())}
    totals = {"pictures": 0, "torchvision": 0, "potstill": 0, "missing": 0, "extra": 0, "edge": 0.0, "score": 0.0}
    for path in pictures(arguments.pictures):
        image = Image.open(path).convert("RGB")
        if [image.height, image.width] != config["input"]["size"]:
            raise SystemExit(f"{path} is not of the size {config['input']['size']}")
        with torch.no_grad():
            answer = model([pil_to_tensor(image) / 255])[0]
        theirs = [
            (config["class_names"][label - has_background], score, box)
            for label, score, box in zip(*(answer[key].tolist() for key in ("labels", "scores", "boxes")))
        ]
        own = [(found["class"], found["score"], found["box"]) for found in ours[path.name]]
        missing, edge, score = differences(own, theirs)
        totals["extra"] += differences(theirs, own)[0]
        totals["pictures"] += 1
        totals["torchvision"] += len(theirs)
        totals["potstill"] += len(own)
        totals["missing"] += missing
        totals["edge"] = max(totals["edge"], edge)
        totals["score"] = max(totals["score"], score)
    print(json.dumps(totals))
    sys.exit(1 if totals["missing"] or totals["extra"] else 0)


main()
