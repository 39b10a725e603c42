"""Compares the networks of cifar_zoo.py with those of the distillation benchmark's own code.

    git clone https://github.com/HobbitLong/RepDistiller ../RepDistiller
    python tools/check_cifar_zoo.py ../RepDistiller

Needs: torch, and that code, which is no part of this repository. Both are filled by the same formula; state-dict names with shapes
and order must be the same, logits, stage ends and pooled embeddings within rounding.
"""

import sys
from pathlib import Path

import torch

import cifar_zoo
import filled

CLASSES = 100


def theirs(folder):
    """Every network by name."""
    sys.path.insert(0, str(Path(folder) / "models"))
    import mobilenetv2
    import resnetv2
    import ShuffleNetv1
    import ShuffleNetv2
    import vgg
    import wrn

    wide = [(16, 1), (16, 2), (40, 1), (40, 2), (40, 4), (28, 10)]
    return {
        **{f"cifar_wrn_{d}_{k}": wrn.WideResNet(d, CLASSES, k) for d, k in wide},
        **{f"cifar_vgg{d}": getattr(vgg, f"vgg{d}_bn")(num_classes=CLASSES) for d in cifar_zoo.VGG},
        "cifar_mobilenetv2_x0_5": mobilenetv2.mobile_half(CLASSES),
        "cifar_shufflenetv1": ShuffleNetv1.ShuffleV1(num_classes=CLASSES),
        "cifar_shufflenetv2": ShuffleNetv2.ShuffleV2(num_classes=CLASSES),
        "cifar_resnet50": resnetv2.ResNet50(num_classes=CLASSES),
    }


def layout(network):
    return [(name, tuple(values.shape)) for name, values in filled.named_tensors(network).items()]


@torch.no_grad()
def difference(ours, other):
    """The largest difference, relative to the largest value of each tensor."""
    images = filled.images(2, 32)
    ends, pooled, our_logits = cifar_zoo.look(ours, images)
    befores, logits = other(images, is_feat=True, preact=True)
    afters, _ = other(images, is_feat=True, preact=False)
    assert len(ends) == len(befores) - 2, "as many stages"
    pairs = [(our_logits, logits), (pooled, befores[-1].flatten(1))]
    for (before, after), their_before, their_after in zip(ends, befores[1:], afters[1:]):
        pairs += [(before, their_before), (after, their_after)]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def main():
    for name, other in theirs(sys.argv[1]).items():
        ours = cifar_zoo.build(name, CLASSES)
        assert layout(ours) == layout(other), f"{name}: names or shapes differ"
        fill = [filled.fill(network, filled.noise).eval() for network in (ours, other)]
        print(f"{name}: {filled.parameter_count(other)} parameters, same names, difference {difference(*fill):.1e}")


if __name__ == "__main__":
    main()
