"""Weights and images by formula, so that recorded values need no weight files.

Every tensor of a network is a formula of its state-dict name and flat index. The noisy formula keeps every map near 1, so that
every tensor shows in the logits; the smooth one lets those of deep networks grow.
"""

import math

import torch

FILL = (
    "i flat index, b_j bytes of the name, h = ((sum over j = 0, 1, ... of (j + 1) b_j) mod 1000) / 100, {wave}."
    " Convolution and linear weight: sqrt(2 / fan_in) w; batch norm weight: 1 + 0.1 w; any bias and"
    " running_mean: 0.1 w; running_var: 1 + 0.5 w^2"
)
WAVES = {"smooth": "w = sin(0.7 + 0.013 i + h)", "noise": "w = 2 (x - floor(x)) - 1, x = 10000 sin(i + h)"}
IMAGES = "v = ((11 n + 7 c + 3 y + 5 x) mod 256) / 255, then (v - 0.5) / 0.25"


def smooth(phase, i):
    return torch.sin(0.7 + 0.013 * i + phase)


def noise(phase, i):
    x = 1e4 * torch.sin(i + phase)
    return 2 * (x - x.floor()) - 1


def describe(wave):
    """The formula in words."""
    return FILL.format(wave=WAVES[wave.__name__])


def tensor(name, shape, wave):
    """The values of the tensor with this state-dict name."""
    phase = sum((j + 1) * byte for j, byte in enumerate(name.encode())) % 1000 / 100.0
    w = wave(phase, torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * w**2
    if len(shape) > 1:
        return math.sqrt(2 / math.prod(shape[1:])) * w
    return 1 + 0.1 * w if name.endswith("weight") else 0.1 * w


@torch.no_grad()
def fill(network, wave):
    """The network in f64 with every parameter and buffer by the formula."""
    network = network.double()
    for name, values in named_tensors(network).items():
        values.copy_(tensor(name, values.shape, wave))
    return network


def images(count, size):
    """`[count, 3, size, size]` by formula."""
    n, c, y, x = torch.meshgrid(*[torch.arange(k) for k in (count, 3, size, size)], indexing="ij")
    values = ((n * 11 + c * 7 + y * 3 + x * 5) % 256).double() / 255
    return (values - 0.5) / 0.25


def named_tensors(network):
    """Parameters and buffers by state-dict name, without the counters of batches seen."""
    return {name: values for name, values in network.state_dict().items() if values.dtype != torch.int64}


def parameter_count(network):
    """Trained numbers; buffers do not count."""
    return sum(parameter.numel() for parameter in network.parameters())


def digest(named):
    """FNV-1a, 64 bits, of the lines `name [shape]` in the order of the names."""
    value = 0xCBF29CE484222325
    for line in sorted(f"{name} {list(tensor.shape)}\n" for name, tensor in named.items()):
        for byte in line.encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"
