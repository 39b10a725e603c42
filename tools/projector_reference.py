"""Records what PyTorch computes for the projector of SimKD (Chen et al. 2022, section 3.2).

    python tools/projector_reference.py

Needs: torch. Writes: crates/potstill-ops/tests/reference/projector.json (9 digits). Everything is computed in f64 by PyTorch's
modules, in [N, C, H, W].
"""

import math

import reference_json
import torch
from torch import nn

INPUTS, OUTPUTS, REDUCTION = 3, 4, 2


def projector(inputs, outputs, reduction):
    inner = outputs // reduction
    layers = []
    for i, o, kernel in [(inputs, inner, 1), (inner, inner, 3), (inner, outputs, 1)]:
        layers += [nn.Conv2d(i, o, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    return nn.Sequential(*layers).double()


def filled(module):
    for k, (name, values) in enumerate(module.named_parameters()):
        wave = torch.sin(0.7 * torch.arange(values.numel(), dtype=torch.float64) + k).reshape(values.shape)
        values.data = 1 + 0.2 * wave if values.dim() == 1 and name.endswith("weight") else 0.6 * wave
    return module


def main():
    module = filled(projector(INPUTS, OUTPUTS, REDUCTION)).train()
    shape = (2, INPUTS, 4, 4)
    x = torch.sin(0.37 * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape).requires_grad_()
    out = module(x)
    target = torch.cos(0.29 * torch.arange(out.numel(), dtype=torch.float64)).reshape(out.shape)
    loss = ((out - target) ** 2).mean()
    loss.backward()
    record = {
        "fill": "tensor k of named_parameters(), element i: w = sin(0.7 i + k); norm weight 1 + 0.2 w, else 0.6 w",
        "loss": loss.item(),
        "out": out.detach().flatten(),
        "gradient_of_x": x.grad.flatten(),
        "gradients": {name: values.grad.flatten() for name, values in module.named_parameters()},
        "parameters_256_to_256_by_2": sum(v.numel() for v in projector(256, 256, 2).parameters()),
        "evaluated": module.eval()(x).detach().flatten(),
    }
    reference_json.write("potstill-ops", "projector.json", reference_json.significant(record, 9))


if __name__ == "__main__":
    main()
