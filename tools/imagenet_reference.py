"""Reference values of the ImageNet networks: torchvision's and timm's own code, with weights by formula.

    python tools/imagenet_reference.py [NAME ...]

Needs: torch, torchvision, timm. Writes crates/potstill-models/tests/reference/imagenet.json (with names: only those are made anew).

No weights ship: every tensor is a formula of its state-dict name and flat index (see `fill`), and so is the input. Everything is
computed in f64 and recorded to 9 digits. Names and shapes of all tensors are recorded as a digest.
"""

import json
import math
import sys
import time

import timm
import torch
import torchvision
from torch import nn

import reference_json
from filled import digest
from mobilenet_v1 import MobileNetV1

VISION = [
    "resnet18 resnet34 resnet50 resnet101 resnet152 wide_resnet50_2 wide_resnet101_2 resnext50_32x4d resnext101_32x8d",
    "mobilenet_v2 mobilenet_v3_small mobilenet_v3_large",
    "shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 efficientnet_b0",
]
TIMM = [
    "convnext_tiny convnext_small convnext_base",
    "vit_tiny_patch16_224 vit_small_patch16_224 vit_base_patch16_224",
    "deit_tiny_patch16_224 deit_small_patch16_224 deit_base_patch16_224",
    "swin_tiny_patch4_window7_224 swin_small_patch4_window7_224 swin_base_patch4_window7_224 swin_large_patch4_window7_224",
]
NAMES = ["mobilenet_v1", *" ".join(VISION).split(), *" ".join(TIMM).split()]

# The modules whose outputs are recorded: the ends of the stages.
ENDS = {
    "resnet": ["layer1", "layer2", "layer3", "layer4"],
    "wide_resnet": ["layer1", "layer2", "layer3", "layer4"],
    "resnext": ["layer1", "layer2", "layer3", "layer4"],
    "mobilenet_v1": ["model.3", "model.5", "model.11", "model.13"],
    "mobilenet_v2": ["features.3", "features.6", "features.13", "features.17"],
    "mobilenet_v3_small": ["features.1", "features.3", "features.8", "features.11"],
    "mobilenet_v3_large": ["features.3", "features.6", "features.12", "features.15"],
    "shufflenet_v2": ["maxpool", "stage2", "stage3", "stage4"],
    "efficientnet_b0": ["features.2", "features.3", "features.5", "features.7"],
    "convnext": ["stages.0", "stages.1", "stages.2", "stages.3"],
    "vit": ["blocks.2", "blocks.5", "blocks.8", "blocks.11"],
    "deit": ["blocks.2", "blocks.5", "blocks.8", "blocks.11"],
    "swin": ["layers.0", "layers.1", "layers.2", "layers.3"],
}
# What the pooled embedding goes into.
HEADS = {
    "mobilenet_v2": "classifier.1",
    "mobilenet_v3": "classifier.0",
    "efficientnet": "classifier.1",
    "convnext": "head.fc",
    "swin": "head.fc",
    "vit": "head",
    "deit": "head",
}
# One of each family: batch norms whose running statistics, and tensors whose gradients are recorded after a step in train mode.
TRAINED = {
    "resnet18": (["bn1", "layer4.1.bn2"], ["conv1.weight", "layer2.0.downsample.0.weight"]),
    "resnext50_32x4d": (["bn1"], ["layer1.0.conv2.weight", "layer4.2.bn3.weight"]),
    "mobilenet_v1": (["model.0.1", "model.13.4"], ["model.0.0.weight", "model.5.0.weight"]),
    "mobilenet_v2": (["features.0.1", "features.17.conv.3"], ["features.1.conv.0.0.weight", "features.18.1.bias"]),
    "mobilenet_v3_small": (
        ["features.0.1", "features.11.block.3.1"],
        ["features.1.block.1.fc2.weight", "features.4.block.2.fc1.bias", "classifier.0.weight"],
    ),
    "shufflenet_v2_x0_5": (["conv1.1", "conv5.1"], ["conv1.0.weight", "stage3.2.branch2.3.weight"]),
    "efficientnet_b0": (
        ["features.0.1", "features.7.0.block.3.1"],
        ["features.2.0.block.2.fc1.weight", "features.5.1.block.1.0.weight"],
    ),
    "convnext_tiny": (
        [],
        ["stem.0.weight", "stages.0.blocks.0.gamma", "stages.1.downsample.1.weight", "stages.2.blocks.8.conv_dw.bias"],
    ),
    "vit_tiny_patch16_224": (
        [],
        ["cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.11.mlp.fc2.bias"],
    ),
    "swin_tiny_patch4_window7_224": (
        [],
        [
            "patch_embed.norm.weight",
            "layers.0.blocks.1.attn.relative_position_bias_table",
            "layers.2.blocks.1.attn.qkv.bias",
            "layers.3.downsample.reduction.weight",
        ],
    ),
}


def make(name):
    if name == "mobilenet_v1":
        return MobileNetV1(), "tools/mobilenet_v1.py"
    if name in " ".join(VISION):
        return getattr(torchvision.models, name)(weights=None), "torchvision"
    return timm.create_model(name, pretrained=False), "timm"


def fixed_size(name):
    return name.startswith(("vit", "deit", "swin"))


def ends(name):
    return next(ends for family, ends in sorted(ENDS.items(), reverse=True) if name.startswith(family))


def head(name):
    return next((head for family, head in HEADS.items() if name.startswith(family)), "fc")


def last_activation(name, end, network):
    """The activation that a stage of this family ends with, if it does; none elsewhere."""
    if name.startswith(("resnet", "wide_resnet", "resnext")):
        return network.get_submodule(end)[-1].relu
    return network.get_submodule(end)[-1] if name == "mobilenet_v1" else None


def tensors(network):
    """Parameters and running statistics; counters and index tables are not learned."""
    return {key: value for key, value in network.state_dict().items() if value.is_floating_point()}


def fill(name, shape):
    """The values of the tensor with this state-dict name."""
    phase = sum((j + 1) * byte for j, byte in enumerate(name.encode())) % 1000 / 100.0
    x = 1e4 * torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) + phase)
    w = (2 * (x - x.floor()) - 1).reshape(shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * w**2
    if len(shape) > 1:
        return math.sqrt(2 / math.prod(shape[1:])) * w
    return 1 + 0.1 * w if name.endswith("weight") else 0.1 * w


def ramp(count, size):
    n, c, y, x = torch.meshgrid(*[torch.arange(size) for size in (count, 3, size, size)], indexing="ij")
    values = ((n * 11 + c * 7 + y * 3 + x * 5) % 256).double() / 255
    return (values - 0.5) / 0.25


def as_map(name, value):
    """`[N, C, H, W]` of whatever a module gives: maps, maps with channels last, tokens behind a class token."""
    if name.startswith("swin"):
        return value.permute(0, 3, 1, 2)
    if value.dim() == 3:
        side = math.isqrt(value.shape[1] - 1)
        return value[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    return value


def glimpse(value):
    """The mean, and the values [0, c, 0, x] for c = 0, 1 and x = 0, 1."""
    return {"shape": list(value.shape[1:]), "mean": value.mean(), "values": value[0, :2, 0, :2].flatten()}


def operations(network, images):
    """Multiplications of convolutions, linear layers and attention for one image."""
    total = 0

    def count(module, given, out):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += out.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += out.numel() * module.in_features
        elif type(module).__name__ in ("Attention", "WindowAttention"):
            groups, length, width = given[0].shape
            total += 2 * groups * length * length * width

    handles = [module.register_forward_hook(count) for module in network.modules()]
    network(images)
    for handle in handles:
        handle.remove()
    return total


@torch.no_grad()
def evaluate(name):
    network, source = make(name)
    network = network.eval()
    counted = operations(network, torch.zeros(1, 3, 224, 224))
    network = network.double()
    named = tensors(network)
    for key, value in named.items():
        value.copy_(fill(key, value.shape))
    seen, before, pooled = {}, {}, {}
    for end in ends(name):
        keep = lambda module, given, out, end=end: seen.update({end: as_map(name, out)})
        network.get_submodule(end).register_forward_hook(keep)
        if activation := last_activation(name, end, network):
            # A block calls it several times; the last call is the block's end. It works in place.
            note = lambda module, given, end=end: before.update({end: given[0].clone()})
            activation.register_forward_pre_hook(note)
    network.get_submodule(head(name)).register_forward_pre_hook(lambda module, given: pooled.update({0: given[0]}))
    count, size = (1, 224) if fixed_size(name) else (2, 64)
    logits = network(ramp(count, size))
    return {
        "name": name,
        "source": source,
        "parameters": sum(value.numel() for value in network.parameters()),
        "multiplications": counted,
        "tensors": len(named),
        "digest": digest(named),
        "images": [count, size],
        "logits": logits[:, :10],
        "sum_of_logits": logits.sum(1),
        "ends": {end: glimpse(value) for end, value in seen.items()},
        "before": {end: glimpse(value) for end, value in before.items()},
        "pooled": pooled[0][:, :4],
    }


def train_once(name, norms, weights):
    network = make(name)[0].double().train()
    for module in network.modules():
        if isinstance(module, (nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
        if type(module).__name__ == "DropPath":
            module.drop_prob = 0.0
    with torch.no_grad():
        for key, value in tensors(network).items():
            value.copy_(fill(key, value.shape))
    count, size = (1, 224) if fixed_size(name) else (2, 64)
    logits = network(ramp(count, size))
    (logits.square().sum() / 1000).backward()
    gradients = {key: network.get_parameter(key).grad for key in weights}
    buffers = [f"{norm}.{buffer}" for norm in norms for buffer in ("running_mean", "running_var")]
    return {
        "name": name,
        "images": [count, size],
        "logits": logits[:, :10].detach(),
        "buffers": {key: network.get_buffer(key)[:4] for key in buffers},
        "gradients": {
            key: {"norm": value.norm(), "values": value.flatten()[:4]} for key, value in gradients.items()
        },
    }


FILE = reference_json.ROOT / "crates" / "potstill-models" / "tests" / "reference" / "imagenet.json"


def main():
    wanted = sys.argv[1:] or NAMES
    before = json.loads(FILE.read_text()) if FILE.exists() and sys.argv[1:] else {"eval": [], "train": []}
    made = {record["name"]: record for record in before["eval"]}
    trained = {record["name"]: record for record in before["train"]}
    for name in wanted:
        began = time.time()
        made[name] = reference_json.significant(evaluate(name), 9)
        if name in TRAINED:
            trained[name] = reference_json.significant(train_once(name, *TRAINED[name]), 9)
        print(f"{name}: {made[name]['parameters']} parameters, {time.time() - began:.1f} s", flush=True)
    content = {
        "made_by": (
            f"tools/imagenet_reference.py with torch {torch.__version__}, torchvision {torchvision.__version__}, timm"
            f" {timm.__version__}, f64; maps in (N, C, H, W) order"
        ),
        "fill": (
            "i flat index, b_j bytes of the name, h = ((sum over j = 0, 1, ... of (j + 1) b_j) mod 1000) / 100, w = 2 (x -"
            " floor(x)) - 1, x = 10000 sin(i + h). Tensors of two dimensions or more: sqrt(2 / product of all but the first) w;"
            " others that end in `weight`: 1 + 0.1 w; running_var: 1 + 0.5 w^2; all others: 0.1 w"
        ),
        "digest": "FNV-1a (64 bits) of the sorted lines `name [d0, d1, ...]\\n`",
        "input": "[N, 3, S, S] for `images` [N, S]: v = ((11 n + 7 c + 3 y + 5 x) mod 256) / 255, then (v - 0.5) / 0.25",
        "logits": "the first ten of each image, and the sum of all",
        "ends": "shape [C, H, W], mean, and the values [0, c, 0, x] for c = 0, 1 and x = 0, 1; `before` the last activation",
        "pooled": "the first four channels of each image, as they go into the classifier",
        "train": [trained[name] for name in NAMES if name in trained],
        "train_formulas": (
            "one forward in train mode of `images` [N, S], no dropout; buffers after it, first four (running = (1 - momentum)"
            " running + momentum batch, the batch variance unbiased); gradients of sum(logits^2) / 1000, their norm and first"
            " four values"
        ),
        "eval": [made[name] for name in NAMES if name in made],
    }
    reference_json.write("potstill-models", "imagenet.json", content)


if __name__ == "__main__":
    main()
