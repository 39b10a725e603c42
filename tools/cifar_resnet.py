"""CIFAR residual networks (He et al. 2015, section 4.2) in PyTorch, written independently of the Rust crates.

A network's name is `cifar_resnetDEPTH` (channels 16, 16, 32, 64) or `cifar_resnetDEPTHx4` (32, 64, 128,
256), with DEPTH = 6n + 2. State-dict names are those of the two published families of checkpoints:

* x1: `conv1`, `bn1`, `layer1.0.conv1` ..., `linear`; the projection of option B is `shortcut.0` (convolution)
  and `shortcut.1` (batch norm);
* x4: the same with `fc` for the classifier and `downsample.0`, `downsample.1` for the projection (always
  option B).
"""

import re

from torch import nn
from torch.nn import functional as F


class SubsampleAndPad(nn.Module):
    """Option A: every second row and column; zero channels, half before and half after."""

    def __init__(self, added):
        super().__init__()
        self.added = added

    def forward(self, x):
        before = self.added // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, self.added - before))


def projection(inputs, outputs, stride):
    """Option B: a 1x1 convolution and batch norm."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut; returns the sum before the last ReLU."""

    def __init__(self, inputs, outputs, stride, option, shortcut_name):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut_name = shortcut_name
        if stride == 1 and inputs == outputs:
            shortcut = nn.Identity()
        elif option == "a":
            shortcut = SubsampleAndPad(outputs - inputs)
        else:
            shortcut = projection(inputs, outputs, stride)
        self.add_module(shortcut_name, shortcut)

    def forward(self, x):
        inner = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(inner)) + getattr(self, self.shortcut_name)(x)


class CifarResNet(nn.Module):
    """Images `[N, 3, 32, 32]` to logits `[N, classes]`."""

    def __init__(self, name, classes, option="a"):
        super().__init__()
        match = re.fullmatch(r"cifar_resnet(\d+)(x4)?", name)
        if not match or int(match[1]) % 6 != 2:
            raise ValueError(f"{name} is not cifar_resnetDEPTH or cifar_resnetDEPTHx4 with DEPTH = 6n + 2")
        wide = match[2] is not None
        if wide and option == "a":
            raise ValueError(f"{name} widens its first stage, which only option b can do")
        stem, *widths = (32, 64, 128, 256) if wide else (16, 16, 32, 64)
        self.conv1 = nn.Conv2d(3, stem, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        inputs = stem
        for index, outputs in enumerate(widths):
            blocks = []
            for block in range((int(match[1]) - 2) // 6):
                stride = 2 if index > 0 and block == 0 else 1
                blocks.append(Block(inputs, outputs, stride, option, "downsample" if wide else "shortcut"))
                inputs = outputs
            self.add_module(f"layer{index + 1}", nn.ModuleList(blocks))
        self.head = "fc" if wide else "linear"
        self.add_module(self.head, nn.Linear(inputs, classes))

    def stages(self, images):
        """The map before and after the last ReLU of each stage, and the pooled embedding `[N, C]`."""
        x = F.relu(self.bn1(self.conv1(images)))
        ends = []
        for stage in (self.layer1, self.layer2, self.layer3):
            for block in stage:
                before = block(x)
                x = F.relu(before)
            ends.append((before, x))
        return ends, x.mean(dim=(2, 3))

    def features(self, images):
        """The sum before the last ReLU at the end of each stage, and the pooled embedding `[N, C]`."""
        ends, pooled = self.stages(images)
        return [before for before, _ in ends], pooled

    def classify(self, pooled):
        """Logits of the pooled embedding."""
        return getattr(self, self.head)(pooled)

    def forward(self, images):
        return self.classify(self.stages(images)[1])


def published_option(name):
    """The shortcut that the published network of this name has."""
    return "b" if name.endswith("x4") else "a"
