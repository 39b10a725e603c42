"""Small ONNX files of dense networks made by PyTorch, and what PyTorch itself computes with the same networks.

    python tools/onnx_dense_reference.py

Needs: torch, onnx. Writes: crates/potstill-onnx/tests/reference/{cells,three_maps,levels,segmenter}.onnx and onnx_dense.json.

Weights and images are formulas of index, as in onnx_reference.py. `cells.onnx` has the outputs of FastestDet's published file
(github.com/dog-qiuqiu/FastestDet, example/onnx-runtime): one map of 1 + 4 + K channels, the objectness behind a sigmoid and the classes behind a
softmax.
"""

import math
import warnings

import torch
from torch import nn
from torch.nn import functional as F

import reference_json
from onnx_reference import FOLDER, filled, recorded, slim

CLASSES = 3


class Cells(nn.Module):
    """Cells of 16x16 pixels, each with an objectness, a box and classes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 6, 1)
        self.obj, self.reg, self.cls = (nn.Conv2d(6, channels, 1) for channels in (1, 4, CLASSES))

    def forward(self, x):
        body = F.relu(self.body(F.avg_pool2d(x, 16)))
        obj, reg, cls = self.obj(body), self.reg(body), self.cls(body)
        output = torch.cat([obj.sigmoid(), reg, cls.softmax(1)], 1)
        self.seen = {"body": body, "obj": obj, "reg": reg, "cls": cls, "output": output}
        return output


class ThreeMaps(Cells):
    """The same as three outputs."""

    def forward(self, x):
        super().forward(x)
        return self.seen["obj"].sigmoid(), self.seen["reg"], self.seen["cls"].softmax(1)


class Levels(nn.Module):
    """Class logits and boxes at strides of 4, 8 and 16, one anchor at a place."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 1)
        self.cls, self.box = nn.Conv2d(4, CLASSES, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        levels = [F.relu(self.body(F.avg_pool2d(x, stride))) for stride in (4, 8, 16)]
        scores = [self.cls(level) for level in levels]
        self.seen = {f"scores{at}": score for at, score in enumerate(scores)}
        return (*scores, *(self.box(level) for level in levels))


class Segmenter(nn.Module):
    """Class logits at half the size, resized to the image's."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.head = nn.Conv2d(4, CLASSES, 1)

    def forward(self, x):
        logits = self.head(F.relu(self.body(x)))
        output = F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
        self.seen = {"logits": logits, "output": output}
        return output


def images(count, height, width):
    """`sin(0.9 i)` by flat index i over [N, C, H, W]."""
    shape = (count, 3, height, width)
    return torch.sin(0.9 * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape).float()


def export(network, name, outputs):
    axes = {0: "n", 2: "h", 3: "w"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.zeros(2, 3, 32, 48),), FOLDER / name, dynamo=False, opset_version=17, input_names=["images"],
            output_names=outputs, dynamic_axes={tensor: axes for tensor in ["images", *outputs]},
        )
    slim(FOLDER / name)


def main():
    cells, levels, segmenter = filled(Cells()), filled(Levels()), filled(Segmenter())
    export(cells, "cells.onnx", ["output"])
    export(filled(ThreeMaps()), "three_maps.onnx", ["objects", "boxes", "classes"])
    export(levels, "levels.onnx", [f"scores{at}" for at in range(3)] + [f"boxes{at}" for at in range(3)])
    export(segmenter, "segmenter.onnx", ["output"])
    content = {
        "made_by": f"tools/onnx_dense_reference.py with torch {torch.__version__}, f32; maps in (N, C, H, W) order",
        "images": "[N, C, H, W]: sin(0.9 i) by flat index i",
        "cells": {"of_2_images_32x48": recorded(cells, images(2, 32, 48))},
        "levels": {"of_2_images_16x32": recorded(levels, images(2, 16, 32))},
        "segmenter": {"of_2_images_4x6": recorded(segmenter, images(2, 4, 6))},
    }
    reference_json.write("potstill-onnx", "onnx_dense.json", reference_json.significant(content, 7))


if __name__ == "__main__":
    main()
