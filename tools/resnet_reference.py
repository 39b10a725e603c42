"""Reference values of the CIFAR residual networks, by the independent PyTorch network in cifar_resnet.py.

    python tools/resnet_reference.py

Needs: torch. Writes: crates/potstill-models/tests/reference/cifar_resnet.json and cifar_resnet_noise.json.

No weights ship: every parameter and buffer is a formula of its state-dict name and flat index, and so is
the input; both formulas are stated in the file. Everything is computed in f64.

The two files differ in the weights. Smooth weights (`cifar_resnet.json`) make every layer amplify what the
one before it made, so that in evaluation mode the maps of deep networks grow to 1e26 and hide the biases
and running means of all but the first layers. Noisy weights (`cifar_resnet_noise.json`) keep every map near
1, so that every tensor shows in the logits.
"""

import math

import torch
from torch.nn import functional as F

import reference_json
from cifar_resnet import CifarResNet, named_tensors, parameter_count

EVALUATED = [
    ("cifar_resnet8", "a"),
    ("cifar_resnet14", "a"),
    ("cifar_resnet20", "a"),
    ("cifar_resnet56", "a"),
    ("cifar_resnet8", "b"),
    ("cifar_resnet20", "b"),
    ("cifar_resnet8x4", "b"),
    ("cifar_resnet32x4", "b"),
]
TRAINED = [("cifar_resnet8", "a"), ("cifar_resnet8", "b")]
COUNTED = ["cifar_resnet32", "cifar_resnet44", "cifar_resnet110"]


def smooth(phase, i):
    return torch.sin(0.7 + 0.013 * i + phase)


def noise(phase, i):
    x = 1e4 * torch.sin(i + phase)
    return 2 * (x - x.floor()) - 1


WAVES = {"smooth": "w = sin(0.7 + 0.013 i + h)", "noise": "w = 2 (x - floor(x)) - 1, x = 10000 sin(i + h)"}


def fill(name, shape, wave):
    """The values of the tensor with this state-dict name."""
    phase = sum((j + 1) * byte for j, byte in enumerate(name.encode())) % 1000 / 100.0
    w = wave(phase, torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * w**2
    if len(shape) > 1:
        return math.sqrt(2 / math.prod(shape[1:])) * w
    return 1 + 0.1 * w if name.endswith("weight") else 0.1 * w


def build(name, option, wave):
    network = CifarResNet(name, 100 if name.endswith("x4") else 10, option).double()
    for key, tensor in named_tensors(network).items():
        tensor.copy_(fill(key, tensor.shape, wave))
    return network


def ramp():
    n, c, y, x = torch.meshgrid(*[torch.arange(size) for size in (2, 3, 32, 32)], indexing="ij")
    values = ((n * 11 + c * 7 + y * 3 + x * 5) % 256).double() / 255
    return (values - 0.5) / 0.25


def glimpse(maps):
    """The mean of `[N, C, H, W]` maps and six of their values."""
    return {"mean": maps.mean(), "values": maps[0, :2, 1, :3].flatten()}


@torch.no_grad()
def evaluate(name, option, wave):
    network = build(name, option, wave).eval()
    ends, pooled = network.features(ramp())
    return {
        "name": name,
        "shortcut": option,
        "parameters": parameter_count(network),
        "logits": network.classify(pooled),
        "stage_ends": [{"pre": glimpse(end), "post": glimpse(F.relu(end))} for end in ends],
        "pooled": pooled[0, :4],
    }


def train_once(name, option, wave):
    network = build(name, option, wave).train()
    images = ramp().requires_grad_()
    logits = network(images)
    (logits.square().sum() / 20).backward()
    wanted = {"conv1.weight": 6, "layer2.0.conv1.weight": 6, "bn1.weight": 4}
    gradients = {key: network.get_parameter(key).grad.flatten()[:count] for key, count in wanted.items()}
    norms = ("bn1", "layer3.0.bn2")
    statistics = [f"{norm}.{buffer}" for norm in norms for buffer in ("running_mean", "running_var")]
    return {
        "name": name,
        "shortcut": option,
        "logits": logits.detach(),
        "buffers": {key: network.get_buffer(key)[:4] for key in statistics},
        "gradients": gradients | {"images": images.grad.flatten()[:6]},
    }


def layout(name, option):
    tensors = named_tensors(build(name, option, smooth))
    return {
        "name": name,
        "shortcut": option,
        "tensors": [[key, list(tensor.shape)] for key, tensor in tensors.items()],
    }


def count(name):
    return {"name": name, "shortcut": "a", "parameters": parameter_count(CifarResNet(name, 10))}


def content(wave):
    return {
        "made_by": (
            f"tools/resnet_reference.py with torch {torch.__version__}, f64; maps in (N, C, H, W) order"
        ),
        "fill": (
            "i flat index, b_j bytes of the name, h = ((sum over j = 0, 1, ... of (j + 1) b_j) mod 1000) /"
            f" 100, {WAVES[wave.__name__]}. Convolution and linear weight: sqrt(2 / fan_in) w; batch norm"
            " weight: 1 + 0.1 w; any bias and running_mean: 0.1 w; running_var: 1 + 0.5 w^2"
        ),
        "input": "[2, 3, 32, 32]: v = ((11 n + 7 c + 3 y + 5 x) mod 256) / 255, then (v - 0.5) / 0.25",
        "stage_ends": (
            "last block of layer1, layer2, layer3: pre = the sum before the last ReLU, post = after it; mean"
            " over all, and the values [0, c, 1, x] for c = 0, 1 and x = 0, 1, 2"
        ),
        "pooled": "first four channels of image 0",
        "eval": [evaluate(*case, wave) for case in EVALUATED],
        "train_formulas": (
            "one forward in train mode; gradients, first values each, of sum(logits^2) / 20; buffers after"
            " the forward, first four (running = 0.9 running + 0.1 batch, the batch variance unbiased)"
        ),
        "train": [train_once(*case, wave) for case in TRAINED],
    }


def main():
    extra = {"layouts": [layout(*case) for case in EVALUATED], "counts": [count(name) for name in COUNTED]}
    for wave, name, more in [(smooth, "cifar_resnet.json", extra), (noise, "cifar_resnet_noise.json", {})]:
        reference_json.write("potstill-models", name, reference_json.significant(content(wave) | more, 9))


if __name__ == "__main__":
    main()
