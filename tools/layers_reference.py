"""Reference values of activations, pooling, shuffling and resizing, from PyTorch's own operations.

    python tools/layers_reference.py

Needs: torch. Writes: crates/potstill-ops/tests/reference/layers.json.

Inputs are formulas, stated in the file. Each map is weighted by another formula, summed, and the gradient of that sum
with respect to the input recorded. Everything is computed in f64.
"""

import torch
from torch.nn import functional as F

import reference_json

ACTIVATIONS = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.125),
    "hard_swish": F.hardswish,
    "silu": F.silu,
    "gelu": F.gelu,
}
MAP = (2, 6, 5, 4)
MAPS = {
    "max_pool 2": lambda x: F.max_pool2d(x, 2),
    "max_pool 3 stride 2 padding 1": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg_pool 2": lambda x: F.avg_pool2d(x, 2),
    "avg_pool 3 stride 2 padding 1 counted": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "avg_pool 3 stride 2 padding 1 left out": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "channel_shuffle 3": lambda x: F.channel_shuffle(x, 3),
    "channel_shuffle 2": lambda x: F.channel_shuffle(x, 2),
    "resize_bilinear 7 6": lambda x: F.interpolate(x, (7, 6), mode="bilinear", align_corners=False),
    "resize_bilinear 3 4": lambda x: F.interpolate(x, (3, 4), mode="bilinear", align_corners=False),
    "resize_bilinear 9 2": lambda x: F.interpolate(x, (9, 2), mode="bilinear", align_corners=False),
}


def wave(shape, step, phase):
    return torch.sin(step * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + phase).reshape(shape)


def gradient(function, x):
    x = x.requires_grad_()
    y = function(x)
    (y * wave(y.shape, 0.37, 1.0)).sum().backward()
    return y.detach(), x.grad


def activation(function):
    # Eighths from -5 to 8, kinks among them.
    y, dx = gradient(function, torch.arange(-40, 65, dtype=torch.float64) / 8)
    return {"values": y, "gradient": dx}


def on_map(function):
    y, dx = gradient(function, wave(MAP, 0.61, 0.0))
    return {"size": list(y.shape[2:]), "values": y.flatten(), "gradient": dx.flatten()}


def main():
    content = {
        "made_by": f"tools/layers_reference.py with torch {torch.__version__}, f64; maps in (N, C, H, W) order",
        "activation_input": "x_i = i / 8 for i = -40 .. 64",
        "map_input": f"{list(MAP)}: sin(0.61 i), i the flat index",
        "gradient": "of the sum of the output's values times sin(0.37 j + 1), j the flat index",
        "leaky_slope": 0.125,
        "activations": {name: activation(function) for name, function in ACTIVATIONS.items()},
        "maps": {name: on_map(function) for name, function in MAPS.items()},
    }
    reference_json.write("potstill-ops", "layers.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
