"""The CIFAR networks of the distillation benchmark in PyTorch, written from the papers' tables and the published state dicts,
independently of the Rust crates.

`build(name, classes)` gives a module and `look(module, images)` what it does: for every stage the map that is read from a teacher
(before the activation) and the one that is read from a student (after it), the pooled embedding `[N, C]` and the logits. The residual
networks of cifar_resnet.py, with their published shortcuts, are among them.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

import cifar_resnet

relu = F.relu


def conv(inputs, outputs, kernel, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)


def norm(channels):
    return nn.BatchNorm2d(channels)


class Zoo(nn.Module):
    """A network whose last layer is the attribute `last`."""

    last = "linear"

    def head(self, pooled):
        return getattr(self, self.last)(pooled)

    def forward(self, images):
        return self.head(self.features(images)[1])


def pooled(x):
    return x.mean(dim=(2, 3))


# Wide residual networks: batch norm and ReLU come before each convolution.


class WideBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = norm(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = norm(outputs), conv(outputs, outputs, 3)
        if inputs != outputs:
            self.convShortcut = conv(inputs, outputs, 1, stride)

    def forward(self, x):
        a = relu(self.bn1(x))
        branch = self.conv2(relu(self.bn2(self.conv1(a))))
        return branch + (self.convShortcut(a) if hasattr(self, "convShortcut") else x)


class WideResNet(Zoo):
    last = "fc"

    def __init__(self, depth, k, classes):
        super().__init__()
        widths = [16, 16 * k, 32 * k, 64 * k]
        self.conv1 = conv(3, 16, 3)
        for stage in (1, 2, 3):
            group = nn.Module()
            blocks = [WideBlock(widths[stage - 1], widths[stage], 1 if stage == 1 else 2)]
            blocks += [WideBlock(widths[stage], widths[stage], 1) for _ in range((depth - 4) // 6 - 1)]
            group.layer = nn.Sequential(*blocks)
            setattr(self, f"block{stage}", group)
        self.bn1 = norm(widths[3])
        self.fc = nn.Linear(widths[3], classes)

    def features(self, x):
        sums = []
        x = self.conv1(x)
        for stage in (1, 2, 3):
            x = getattr(self, f"block{stage}").layer(x)
            sums.append(x)
        # A teacher's map is the sum behind the batch norm that comes next; in copies, so that no batch counts twice.
        nexts = [self.block2.layer[0].bn1, self.block3.layer[0].bn1, self.bn1]
        befores = [copy.deepcopy(n)(s) for s, n in zip(sums, nexts)]
        return list(zip(befores, sums)), pooled(relu(self.bn1(x)))


# VGG: tensors are at the places of a sequence that counts the activations.

VGG = {8: (1, 1, 1, 1, 1), 11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class Vgg(Zoo):
    last = "classifier"

    def __init__(self, depth, classes):
        super().__init__()
        inputs = 3
        for i, (count, width) in enumerate(zip(VGG[depth], (64, 128, 256, 512, 512))):
            layers = []
            for _ in range(count):
                layers += [conv(inputs, width, 3, bias=True), norm(width), nn.ReLU()]
                inputs = width
            self.add_module(f"block{i}", nn.Sequential(*layers[:-1]))
        self.classifier = nn.Linear(512, classes)

    def features(self, x):
        rows, ends = x.shape[2], []
        for i in range(5):
            if i in (1, 2, 3) or (i == 4 and rows >= 64):
                x = F.max_pool2d(x, 2)
            before = getattr(self, f"block{i}")(x)
            x = relu(before)
            ends.append((before, x))
        return ends[1:], pooled(x)


# MobileNetV2 with ReLU; the second stage keeps the size.

STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class Inverted(nn.Module):
    def __init__(self, inputs, expansion, outputs, stride):
        super().__init__()
        wide = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *(conv(inputs, wide, 1), norm(wide), nn.ReLU()),
            *(conv(wide, wide, 3, stride, wide), norm(wide), nn.ReLU()),
            *(conv(wide, outputs, 1), norm(outputs)),
        )

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(Zoo):
    last = "classifier"

    def __init__(self, width, classes):
        super().__init__()
        inputs = int(32 * width)
        self.conv1 = nn.Sequential(conv(3, inputs, 3, 2), norm(inputs), nn.ReLU())
        self.blocks = nn.ModuleList()
        for expansion, channels, count, stride in STAGES:
            outputs = int(channels * width)
            blocks = []
            for k in range(count):
                blocks.append(Inverted(inputs, expansion, outputs, stride if k == 0 else 1))
                inputs = outputs
            self.blocks.append(nn.Sequential(*blocks))
        self.conv2 = nn.Sequential(conv(inputs, 1280, 1), norm(1280), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(1280, classes))

    def features(self, x):
        x, maps = self.conv1(x), []
        for stage in self.blocks:
            x = stage(x)
            maps.append(x)
        return [(maps[i], maps[i]) for i in (1, 2, 4, 6)], pooled(self.conv2(x))


# ShuffleNet.


def shuffle(x, groups):
    n, c, h, w = x.shape
    return x.reshape(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleBlock(nn.Module):
    """Version 1. Returns the map before its last ReLU."""

    def __init__(self, inputs, outputs, halves):
        super().__init__()
        self.halves, self.groups = halves, 1 if inputs == 24 else 3
        made = outputs - inputs if halves else outputs
        middle = made // 4
        self.conv1, self.bn1 = conv(inputs, middle, 1, groups=self.groups), norm(middle)
        self.conv2, self.bn2 = conv(middle, middle, 3, 2 if halves else 1, middle), norm(middle)
        self.conv3, self.bn3 = conv(middle, made, 1, groups=3), norm(made)

    def forward(self, x):
        y = shuffle(relu(self.bn1(self.conv1(x))), self.groups)
        y = self.bn3(self.conv3(relu(self.bn2(self.conv2(y)))))
        return torch.cat([y, F.avg_pool2d(x, 3, 2, 1)], 1) if self.halves else y + x


class ShuffleNetV1(Zoo):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 24, 1), norm(24)
        inputs = 24
        for stage, (outputs, count) in enumerate(((240, 4), (480, 8), (960, 4)), 1):
            blocks = [ShuffleBlock(inputs, outputs, True)]
            blocks += [ShuffleBlock(outputs, outputs, False) for _ in range(count - 1)]
            self.add_module(f"layer{stage}", nn.ModuleList(blocks))
            inputs = outputs
        self.linear = nn.Linear(960, classes)

    def features(self, x):
        x, ends = relu(self.bn1(self.conv1(x))), []
        for stage in (self.layer1, self.layer2, self.layer3):
            for block in stage:
                before = block(x)
                x = relu(before)
            ends.append((before, x))
        return ends, pooled(x)


class HalvingBlock(nn.Module):
    """Version 2, the first block of a stage."""

    def __init__(self, inputs, outputs):
        super().__init__()
        half = outputs // 2
        self.conv1, self.bn1 = conv(inputs, inputs, 3, 2, inputs), norm(inputs)
        self.conv2, self.bn2 = conv(inputs, half, 1), norm(half)
        self.conv3, self.bn3 = conv(inputs, half, 1), norm(half)
        self.conv4, self.bn4 = conv(half, half, 3, 2, half), norm(half)
        self.conv5, self.bn5 = conv(half, half, 1), norm(half)

    def forward(self, x):
        left = relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(relu(self.bn3(self.conv3(x)))))
        right = relu(self.bn5(self.conv5(right)))
        return None, shuffle(torch.cat([left, right], 1), 2)


class PassingBlock(nn.Module):
    """Version 2, the other blocks: half of the channels pass by."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.conv1, self.bn1 = conv(half, half, 1), norm(half)
        self.conv2, self.bn2 = conv(half, half, 3, 1, half), norm(half)
        self.conv3, self.bn3 = conv(half, half, 1), norm(half)

    def forward(self, x):
        passing, y = x.chunk(2, 1)
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(y)))))
        before = self.bn3(self.conv3(y))
        return torch.cat([passing, before], 1), shuffle(torch.cat([passing, relu(before)], 1), 2)


class ShuffleNetV2(Zoo):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 24, 1), norm(24)
        inputs = 24
        for stage, (outputs, count) in enumerate(((116, 4), (232, 8), (464, 4)), 1):
            blocks = [HalvingBlock(inputs, outputs), *(PassingBlock(outputs) for _ in range(count - 1))]
            self.add_module(f"layer{stage}", nn.ModuleList(blocks))
            inputs = outputs
        self.conv2, self.bn2 = conv(464, 1024, 1), norm(1024)
        self.linear = nn.Linear(1024, classes)

    def features(self, x):
        x, ends = relu(self.bn1(self.conv1(x))), []
        for stage in (self.layer1, self.layer2, self.layer3):
            for block in stage:
                before, x = block(x)
            ends.append((before, x))
        return ends, pooled(relu(self.bn2(self.conv2(x))))


# ResNet-50 with a 3x3 stem.


class Bottleneck(nn.Module):
    """Returns the sum before its last ReLU."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = conv(inputs, width, 1), norm(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride), norm(width)
        self.conv3, self.bn3 = conv(width, outputs, 1), norm(outputs)
        changes = stride != 1 or inputs != outputs
        projection = (conv(inputs, outputs, 1, stride), norm(outputs)) if changes else ()
        self.shortcut = nn.Sequential(*projection)

    def forward(self, x):
        y = relu(self.bn1(self.conv1(x)))
        y = relu(self.bn2(self.conv2(y)))
        return self.bn3(self.conv3(y)) + self.shortcut(x)


class ResNet50(Zoo):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 3), norm(64)
        inputs = 64
        for stage, count in enumerate((3, 4, 6, 3)):
            width = 64 * 2**stage
            blocks = []
            for k in range(count):
                blocks.append(Bottleneck(inputs, width, 2 if k == 0 and stage > 0 else 1))
                inputs = 4 * width
            self.add_module(f"layer{stage + 1}", nn.ModuleList(blocks))
        self.linear = nn.Linear(inputs, classes)

    def features(self, x):
        x, ends = relu(self.bn1(self.conv1(x))), []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage:
                before = block(x)
                x = relu(before)
            ends.append((before, x))
        return ends, pooled(x)


def look(network, images):
    """Pairs of maps at the ends of the stages, the pooled embedding, and the logits."""
    if isinstance(network, cifar_resnet.CifarResNet):
        befores, pooled = network.features(images)
        return [(before, relu(before)) for before in befores], pooled, network.classify(pooled)
    ends, pooled = network.features(images)
    return ends, pooled, network.head(pooled)


def build(name, classes):
    kind, *numbers = name.removeprefix("cifar_").split("_")
    if kind == "wrn":
        return WideResNet(int(numbers[0]), int(numbers[1]), classes)
    if kind.startswith("vgg"):
        return Vgg(int(kind[3:]), classes)
    if kind == "mobilenetv2":
        return MobileNetV2(0.5, classes)
    if kind in ("shufflenetv1", "shufflenetv2", "resnet50"):
        return {"shufflenetv1": ShuffleNetV1, "shufflenetv2": ShuffleNetV2, "resnet50": ResNet50}[kind](classes)
    return cifar_resnet.CifarResNet(name, classes, cifar_resnet.published_option(name))
