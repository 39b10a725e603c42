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

import torch
from torch.nn import functional as F

import filled
import reference_json
from cifar_resnet import CifarResNet
from filled import named_tensors, noise, parameter_count, smooth

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


def build(name, option, wave):
    return filled.fill(CifarResNet(name, 100 if name.endswith("x4") else 10, option), wave)


def ramp():
    return filled.images(2, 32)


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
        "fill": filled.describe(wave),
        "input": f"[2, 3, 32, 32]: {filled.IMAGES}",
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
