"""Reference values of layer norm, attention, squeeze and excitation, from PyTorch's, torchvision's and timm's own modules.

    python tools/attention_reference.py

Needs: torch, torchvision, timm. Writes: crates/potstill-ops/tests/reference/attention.json.

Parameters are formulas of their name and index, inputs of their index; both are stated in the file. Each output is weighted by another
formula, summed, and the gradients of that sum with respect to the input and one parameter are recorded. Everything is computed in f64.
"""

import math

import torch
from timm.models.swin_transformer import SwinTransformerBlock
from timm.models.vision_transformer import Attention
from torch import nn
from torchvision.ops import SqueezeExcitation

import reference_json


def wave(shape, step, phase):
    return torch.sin(step * torch.arange(math.prod(shape), dtype=torch.float64) + phase).reshape(shape)


def filled(module):
    for name, value in module.named_parameters():
        value.data = 0.5 * wave(value.shape, 0.7, sum(name.encode()) % 100 / 10)
    return module.double()


def recorded(module, x, watched, function=None):
    x = x.requires_grad_()
    y = (function or module)(x)
    (y * wave(y.shape, 0.37, 1.0)).sum().backward()
    parameter = module.get_parameter(watched)
    return {"values": y.flatten()[:40].detach(), "sum": y.sum().item(), "gradient": x.grad.flatten()[:40],
            "parameter": watched, "parameter_gradient": parameter.grad.flatten()[:40]}


def windows(shift):
    """Only the attention of a block: its layer norms and shortcuts are not part of the operation."""
    block = SwinTransformerBlock(8, (9, 6), num_heads=2, window_size=3, shift_size=shift, always_partition=True)
    filled(block.attn)
    attend = block.double()._attn
    return recorded(block.attn, wave((2, 9, 6, 8), 0.61, 0.0), "relative_position_bias_table", attend)


def main():
    maps = wave((2, 6, 4, 5), 0.61, 0.0)
    squeeze = {
        "sigmoid": SqueezeExcitation(6, 3, nn.SiLU, nn.Sigmoid),
        "hard_sigmoid": SqueezeExcitation(6, 3, nn.ReLU, nn.Hardsigmoid),
    }
    content = {
        "made_by": f"tools/attention_reference.py with torch {torch.__version__}, f64",
        "parameters": "0.5 sin(0.7 i + p), i flat index, p = ((sum of the bytes of the name) mod 100) / 10",
        "inputs": "sin(0.61 i); outputs are weighted by sin(0.37 i + 1), i flat index; first 40 values of everything",
        "layer_norm [2, 3, 8]": recorded(filled(nn.LayerNorm(8, 1e-6)), wave((2, 3, 8), 0.61, 0.0), "weight"),
        "attention [2, 5, 8], 2 heads": recorded(filled(Attention(8, 2, qkv_bias=True)), wave((2, 5, 8), 0.61, 0.0), "qkv.weight"),
        "windows of 3 on [2, 9, 6, 8], 2 heads": windows(0),
        "shifted windows of 3 on [2, 9, 6, 8], 2 heads": windows(1),
        **{f"squeeze {name} [2, 6, 4, 5] to 3": recorded(filled(module), maps.clone(), "fc1.weight") for name, module in squeeze.items()},
    }
    reference_json.write("potstill-ops", "attention.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
