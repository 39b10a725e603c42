"""The PyTorch networks of this folder by the names that Potstill's registry gives them.

A network has `stages(images)`, the maps before and after the last activation of every stage and the pooled
embedding `[N, C]`, and `classify(pooled)`.
"""

import torch
from torch import nn

import cifar_zoo
from cifar_resnet import CifarResNet, published_option


def build(name, classes):
    """A fresh network in channels-last layout; a name that is not here is a ValueError."""
    if name.startswith("cifar_resnet") and name != "cifar_resnet50":
        network = CifarResNet(name, classes, published_option(name))
    else:
        network = cifar_zoo.build(name, classes)
        network.stages, network.classify = network.features, network.head
    return network.to(memory_format=torch.channels_last)


def fold_batch_norms(network, example):
    """Folds every batch norm into the convolution registered just before it, where that leaves the logits of
    `example` as they were. Returns how many were folded. Evaluation mode only."""
    before, folded = network(example), 0
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (name, conv), (norm_name, norm) in zip(children, children[1:]):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, nn.utils.fusion.fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())
                folded += 1
    torch.testing.assert_close(network(example), before, rtol=1e-3, atol=1e-3)
    return folded
