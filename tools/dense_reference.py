"""Reference values of models for every pixel: torchvision's heads and necks on its backbones, with weights by formula.

    python tools/dense_reference.py

Needs: torch, torchvision. Writes: crates/potstill-models/tests/reference/dense.json (9 digits). Weights and images are those of
`filled.py`, in f64. Backbones keep their stride in every stage (torchvision's own segmenters dilate the last two).
"""

import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation.fcn import FCN, FCNHead
from torchvision.ops import FeaturePyramidNetwork

import filled
import reference_json

CLASSES = 5
HEIGHT, WIDTH = 72, 104
LAYERS = ["layer1", "layer2", "layer3", "layer4"]


class MobileStages(nn.Module):
    """MobileNetV2 up to its last block, under the names of the classification network."""

    def __init__(self):
        super().__init__()
        self.features = mobilenet_v2(weights=None).features[:18]

    def forward(self, x):
        return {"out": self.features(x)}


class Pyramid(nn.Module):
    """A ResNet with a feature pyramid over all stages, under torchvision's names; its finest map comes out."""

    def __init__(self, channels):
        super().__init__()
        self.body = IntermediateLayerGetter(resnet18(weights=None), {name: name for name in LAYERS})
        self.fpn = FeaturePyramidNetwork([64, 128, 256, 512], channels)

    def forward(self, x):
        self.levels = self.fpn(self.body(x))
        return {"out": self.levels["layer1"]}


def models():
    plain = IntermediateLayerGetter(resnet18(weights=None), {"layer4": "out"})
    yield "resnet18", None, FCN(plain, FCNHead(512, CLASSES)), ["backbone.layer2.0.conv1.weight"]
    yield "mobilenet_v2", None, FCN(MobileStages(), FCNHead(320, CLASSES)), ["backbone.features.0.0.weight"]
    pyramid = ["backbone.body.conv1.weight", "backbone.fpn.inner_blocks.3.0.weight", "backbone.fpn.layer_blocks.0.0.bias"]
    yield "resnet18", 24, FCN(Pyramid(24), FCNHead(24, CLASSES)), pyramid


def images():
    n, c, y, x = torch.meshgrid(*[torch.arange(k) for k in (2, 3, HEIGHT, WIDTH)], indexing="ij")
    values = ((n * 11 + c * 7 + y * 3 + x * 5) % 256).double() / 255
    return (values - 0.5) / 0.25


def summary(value):
    """Shape, mean, root of the mean square, and every 997th value of the row-major [N, C, H, W] tensor."""
    value = value.detach()
    flat = value.flatten()
    return {"shape": list(value.shape), "mean": flat.mean(), "rms": (flat**2).mean().sqrt(), "values": flat[::997]}


def record(backbone, neck, network, tracked):
    network = filled.fill(network, filled.noise)
    # Dropout is left out.
    network.classifier[3].p = 0.0
    network.eval()
    with torch.no_grad():
        logits = network(images())["out"]
        levels = getattr(network.backbone, "levels", {})
    parts = {
        "backbone": backbone,
        "neck": neck,
        "parameters": filled.parameter_count(network),
        "digest": filled.digest(filled.named_tensors(network)),
        "logits": summary(logits),
        "levels": [summary(level) for level in levels.values()],
    }
    network.train()
    logits = network(images())["out"]
    parts["trained"] = {"logits": summary(logits)}
    (logits**2).mean().backward()
    tensors = dict(network.named_parameters())
    names = [*tracked, "classifier.0.weight", "classifier.1.bias", "classifier.4.weight", "classifier.4.bias"]
    parts["trained"]["gradients"] = {name: tensors[name].grad.flatten()[:6] for name in names}
    parts["trained"]["buffers"] = {"classifier.1.running_var": network.classifier[1].running_var.flatten()[:6]}
    return parts


def main():
    content = {
        "fill": filled.describe(filled.noise),
        "images": f"{filled.IMAGES}, [2, 3, {HEIGHT}, {WIDTH}]",
        "loss": "mean of the squared logits",
        "models": [record(*model) for model in models()],
    }
    reference_json.write("potstill-models", "dense.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
