"""Reference values of the CIFAR networks, by the independent PyTorch networks in cifar_zoo.py.

    python tools/cifar_zoo_reference.py

Needs: torch. Writes: crates/potstill-models/tests/reference/cifar_zoo.json.

No weights ship: see filled.py. Everything is computed in f64. check_cifar_zoo.py holds these networks to the benchmark's own
code.
"""

import torch

import cifar_zoo
import filled
import reference_json

NAMES = [
    *(f"cifar_resnet{depth}" for depth in ("8", "14", "20", "32", "44", "56", "110", "8x4", "32x4")),
    *("cifar_wrn_16_1", "cifar_wrn_16_2", "cifar_wrn_40_1", "cifar_wrn_40_2", "cifar_wrn_40_4", "cifar_wrn_28_10"),
    *("cifar_vgg8", "cifar_vgg11", "cifar_vgg13", "cifar_vgg16", "cifar_vgg19"),
    *("cifar_mobilenetv2_x0_5", "cifar_shufflenetv1", "cifar_shufflenetv2", "cifar_resnet50"),
]
# One of each family: a training step and the whole state dict.
TRAINED = [
    *("cifar_wrn_16_1", "cifar_vgg8", "cifar_mobilenetv2_x0_5"),
    *("cifar_shufflenetv1", "cifar_shufflenetv2", "cifar_resnet50"),
]


def glimpse(maps):
    """The mean of `[N, C, H, W]` maps and six values, evenly spaced in flat order."""
    flat = maps.flatten()
    places = torch.arange(6) * (len(flat) - 1) // 5
    return {"mean": flat.mean(), "values": flat[places]}


def build(name, classes):
    return filled.fill(cifar_zoo.build(name, classes), filled.noise)


@torch.no_grad()
def evaluate(name):
    network = build(name, 10).eval()
    ends, pooled, logits = cifar_zoo.look(network, filled.images(2, 32))
    return {
        "name": name,
        "parameters": filled.parameter_count(cifar_zoo.build(name, 10)),
        "logits": logits,
        "stage_ends": [{"before": glimpse(before), "after": glimpse(after)} for before, after in ends],
        "pooled": pooled[0, :4],
        "logits_64": network(filled.images(1, 64)),
    }


def train_once(name):
    network = build(name, 10).train()
    images = filled.images(4, 16).requires_grad_()
    logits = network(images)
    (logits.square().sum() / 40).backward()
    parameters = [key for key, value in network.named_parameters()]
    kernels = [key for key in parameters if network.get_parameter(key).dim() == 4]
    affine = [key for key in parameters if key.endswith(".weight") and network.get_parameter(key).dim() == 1]
    wanted = [kernels[0], kernels[len(kernels) // 2], kernels[-1], affine[0], affine[-1], parameters[-1]]
    gradients = {key: network.get_parameter(key).grad.flatten()[:4] for key in dict.fromkeys(wanted)}
    means = [key for key in network.state_dict() if key.endswith("running_mean")]
    norms = [means[0], means[len(means) // 2], means[-1]]
    statistics = norms + [key.replace("mean", "var") for key in norms]
    return {
        "name": name,
        "logits": logits.detach(),
        "buffers": {key: network.get_buffer(key)[:4] for key in statistics},
        "gradients": gradients | {"images": images.grad.flatten()[:6]},
    }


def layout(name):
    tensors = filled.named_tensors(cifar_zoo.build(name, 100))
    return {"name": name, "tensors": [f"{key} {list(values.shape)}" for key, values in tensors.items()]}


def main():
    content = {
        "made_by": (
            f"tools/cifar_zoo_reference.py with torch {torch.__version__}, f64; maps in (N, C, H, W) order"
        ),
        "fill": filled.describe(filled.noise),
        "images": f"[n, 3, s, s]: {filled.IMAGES}",
        "eval_formulas": (
            "10 classes, [2, 3, 32, 32]; before and after: what is read of a teacher and of a student at the ends of"
            " the stages, mean over all and the values at k (length - 1) / 5, k = 0 .. 5; pooled: first four channels"
            " of image 0; logits_64: of [1, 3, 64, 64]"
        ),
        "eval": [evaluate(name) for name in NAMES],
        "train_formulas": (
            "10 classes, one forward of [4, 3, 16, 16] in train mode; gradients, first values each, of"
            " sum(logits^2) / 40; buffers after the forward, first four"
        ),
        "train": [train_once(name) for name in TRAINED],
        "layouts": [layout(name) for name in TRAINED],
    }
    reference_json.write("potstill-models", "cifar_zoo.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
