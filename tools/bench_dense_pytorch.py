"""Times PyTorch on the training steps of detectors and segmenters that `potstill bench` times.

    python tools/bench_dense_pytorch.py --student retinanet_resnet18_fpn --batch 4 --size 320 --threads 2 --steps 10
    python tools/bench_dense_pytorch.py --student fasterrcnn_resnet18_fpn --teacher fasterrcnn_resnet50_fpn --batch 2 --size 320

Needs: torch, torchvision. 32-bit floats, channels last, one fixed batch of noise of the asked size with seven random boxes an
image (or random labels), so neither decoding nor augmentation is timed. A step is: forward, the task's losses as
torchvision has them, backward, SGD with Nesterov momentum 0.9 and weight decay 5e-4. With a teacher, ReviewKD on the
five maps of the pyramids (256 channels, weight 1) as in the published code: the teacher runs backbone and pyramid only.

Choices in PyTorch's favour: the fused optimiser, no loss is read back, images need no resize. Batch norms train
(`norm_layer=BatchNorm2d`), as in Potstill's fresh networks.

Networks: `retinanet_`, `fcos_`, `fasterrcnn_`, `maskrcnn_` around `resnet18`, `34`, `50`, `101` and `_fpn`;
`pspnet_resnet18` (built here from MMSegmentation's description); any segmenter of torchvision, `lraspp_mobilenet_v3_large`.
With `--json` one JSON object with the names of `potstill bench --json`.
"""

import argparse
import json
import os
import resource
import statistics
import time

WARM_UP, OBJECTS = 2, 7


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--student", default="retinanet_resnet18_fpn")
    parser.add_argument("--teacher")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


ARGUMENTS = parse()
# OpenMP reads its environment once, when PyTorch is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(ARGUMENTS.threads)

import torch  # noqa: E402
import torchvision  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torchvision.models import resnet, segmentation  # noqa: E402
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet  # noqa: E402
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor  # noqa: E402
from torchvision.ops.feature_pyramid_network import LastLevelP6P7  # noqa: E402

DETECTORS = {"retinanet": RetinaNet, "fcos": FCOS, "fasterrcnn": FasterRCNN, "maskrcnn": MaskRCNN}


def detector(name):
    kind, body = name.removesuffix("_fpn").split("_", 1)
    network = resnet.__dict__[body](weights=None, norm_layer=nn.BatchNorm2d)
    if kind in ("retinanet", "fcos"):
        backbone = _resnet_fpn_extractor(
            network, 5, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256)
        )
    else:
        backbone = _resnet_fpn_extractor(network, 5)
    size = ARGUMENTS.size
    return DETECTORS[kind](backbone, 91, min_size=size, max_size=size)


class PyramidPooling(nn.Module):
    """PSPNet's head, as MMSegmentation's configuration of it says."""

    def __init__(self, channels, classes):
        super().__init__()
        inner = channels // 4
        block = lambda i, o, k: nn.Sequential(  # noqa: E731
            nn.Conv2d(i, o, k, padding=k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)
        )
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(side), block(channels, inner, 1)) for side in (1, 2, 3, 6)
        )
        self.bottleneck = block(2 * channels, inner, 3)
        self.classifier = nn.Conv2d(inner, classes, 1)

    def forward(self, x):
        size = x.shape[2:]
        pooled = [
            F.interpolate(pool(x), size, mode="bilinear", align_corners=False) for pool in self.pools
        ]
        return self.classifier(F.dropout(self.bottleneck(torch.cat([x, *pooled], 1)), 0.1))


class PspNet(nn.Module):
    """ResNet-18 with a stem of three convolutions, dilated to stride 8, PSPNet's head and an auxiliary one."""

    def __init__(self, classes=19):
        super().__init__()
        body = resnet.resnet18(weights=None)
        convs = [(3, 32, 2), (32, 32, 1), (32, 64, 1)]
        stem = []
        for inputs, outputs, stride in convs:
            stem += [
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        self.stem = nn.Sequential(*stem, body.maxpool)
        for layer, dilation in ((body.layer3, 2), (body.layer4, 4)):
            layer[0].conv1.stride = layer[0].downsample[0].stride = (1, 1)
            for place, block in enumerate(layer):
                own = dilation // 2 if place == 0 else dilation
                block.conv1.dilation = block.conv1.padding = (own, own)
        self.layers = nn.ModuleList([body.layer1, body.layer2, body.layer3, body.layer4])
        self.head = PyramidPooling(512, classes)
        self.auxiliary = segmentation.fcn.FCNHead(256, classes)

    def forward(self, x):
        size, x = x.shape[2:], self.stem(x)
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        up = lambda y: F.interpolate(y, size, mode="bilinear", align_corners=False)  # noqa: E731
        return {"out": up(self.head(x)), "aux": up(self.auxiliary(maps[2]))}


class Fusion(nn.Module):
    """One step of ReviewKD from deep to shallow (section 3.2)."""

    def __init__(self, attends):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(256, 256, 1, bias=False), nn.BatchNorm2d(256))
        self.up = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1, bias=False), nn.BatchNorm2d(256))
        self.gates = nn.Sequential(nn.Conv2d(512, 2, 1), nn.Sigmoid()) if attends else None

    def forward(self, x, deeper):
        x = self.down(x)
        if self.gates is not None:
            deeper = F.interpolate(deeper, x.shape[2:], mode="nearest")
            gates = self.gates(torch.cat([x, deeper], 1))
            x = x * gates[:, :1] + deeper * gates[:, 1:]
        return self.up(x), x


def hierarchical_loss(student, teacher):
    """The context loss of ReviewKD, over levels that are pooled to 4, 2 and 1."""
    loss, total, weight = F.mse_loss(student, teacher), 1.0, 1.0
    for side in (4, 2, 1):
        if side >= student.shape[2]:
            continue
        weight /= 2
        pool = lambda x: F.adaptive_avg_pool2d(x, (side, side))  # noqa: B023, E731
        loss, total = loss + weight * F.mse_loss(pool(student), pool(teacher)), total + weight
    return loss / total


def detection_targets(masks):
    size, targets = ARGUMENTS.size, []
    for _ in range(ARGUMENTS.batch):
        sides = size * (0.1 + 0.4 * torch.rand(OBJECTS, 2))
        corner = (size - sides) * torch.rand(OBJECTS, 2)
        boxes = torch.cat([corner, corner + sides], 1)
        target = {"boxes": boxes, "labels": torch.randint(1, 91, (OBJECTS,))}
        if masks:
            target["masks"] = torch.zeros(OBJECTS, size, size, dtype=torch.uint8)
            for mask, (left, top, right, bottom) in zip(target["masks"], boxes.round().int().tolist()):
                mask[top:bottom, left:right] = 1
        targets.append(target)
    return targets


def detection_loss():
    student = detector(ARGUMENTS.student).to(memory_format=torch.channels_last).train()
    images = list(torch.rand(ARGUMENTS.batch, 3, ARGUMENTS.size, ARGUMENTS.size))
    targets = detection_targets(ARGUMENTS.student.startswith("maskrcnn"))
    if not ARGUMENTS.teacher:
        return lambda: sum(student(images, targets).values()), [student]
    teacher = detector(ARGUMENTS.teacher).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    levels = 5
    fusions = nn.ModuleList(Fusion(level > 0) for level in range(levels))
    seen = {}
    student.backbone.register_forward_hook(lambda _, __, maps: seen.update(maps=list(maps.values())))

    def loss():
        task = sum(student(images, targets).values())
        with torch.no_grad():
            taught = list(teacher.backbone(teacher.transform(images)[0].tensors).values())
        total, deeper = task, None
        for fusion, own, target in zip(fusions, reversed(seen["maps"]), reversed(taught)):
            out, deeper = fusion(own, deeper)
            total = total + hierarchical_loss(out, target)
        return total

    return loss, [student, fusions]


def segmentation_loss():
    name, size = ARGUMENTS.student, ARGUMENTS.size
    if name == "pspnet_resnet18":
        student, classes = PspNet(), 19
    else:
        student, classes = segmentation.__dict__[name](weights=None, weights_backbone=None, num_classes=21), 21
    student = student.to(memory_format=torch.channels_last).train()
    images = torch.rand(ARGUMENTS.batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(classes, (ARGUMENTS.batch, size, size))

    def loss():
        out = student(images)
        total = F.cross_entropy(out["out"], labels, ignore_index=255)
        if "aux" in out:
            total = total + 0.4 * F.cross_entropy(out["aux"], labels, ignore_index=255)
        return total

    return loss, [student]


def main():
    torch.manual_seed(0)
    torch.set_num_threads(ARGUMENTS.threads)
    is_detector = ARGUMENTS.student.split("_")[0] in DETECTORS
    loss, modules = detection_loss() if is_detector else segmentation_loss()
    parameters = [parameter for module in modules for parameter in module.parameters()]
    optimiser = torch.optim.SGD(
        parameters, lr=1e-4, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()

    for _ in range(WARM_UP):
        step()
    began, seconds = time.process_time(), []
    for _ in range(ARGUMENTS.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    milliseconds = [1000 * value for value in seconds]
    report = {
        "version": f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}",
        "isa": torch.backends.cpu.get_cpu_capability().lower(),
        "step_ms": {
            "median": statistics.median(milliseconds),
            "min": min(milliseconds),
            "max": max(milliseconds),
        },
        "cpu_ms": 1000 * (time.process_time() - began) / ARGUMENTS.steps,
        "images_per_second": ARGUMENTS.batch / statistics.median(seconds),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if ARGUMENTS.json:
        print(json.dumps(report))
    else:
        print(f"{ARGUMENTS.student}: {report['step_ms']['median']:.1f} ms a step, peak {report['peak_rss_mb']:.0f} MB")


main()
