"""ReviewKD (Chen et al. 2021) in PyTorch: the fusion chain and the hierarchical context loss. Maps are (N, C,
H, W)."""

import torch
from torch import nn
from torch.nn import functional as F


def hcl_terms(out, target):
    """Mean squared errors of the maps and of their pooled forms, and the weight of each."""
    terms, weights, weight = [F.mse_loss(out, target)], [1.0], 1.0
    for size in (4, 2, 1):
        if size >= out.shape[2]:
            continue
        weight /= 2
        terms.append(F.mse_loss(F.adaptive_avg_pool2d(out, size), F.adaptive_avg_pool2d(target, size)))
        weights.append(weight)
    return terms, weights


def hcl(out, target):
    """The hierarchical context loss of one level."""
    terms, weights = hcl_terms(out, target)
    return sum(term * weight for term, weight in zip(terms, weights)) / sum(weights)


def resize(x, size):
    """Nearest neighbour: source index floor(index * in / out)."""
    return x if x.shape[2:] == size else F.interpolate(x, size=tuple(size), mode="nearest")


class Fusion(nn.Module):
    """One attention-based fusion module; the deepest one has no attention."""

    def __init__(self, student, mid, teacher, fuse):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(student, mid, 1, bias=False), nn.BatchNorm2d(mid))
        self.att = nn.Conv2d(2 * mid, 2, 1) if fuse else None
        self.conv2 = nn.Sequential(nn.Conv2d(mid, teacher, 3, 1, 1, bias=False), nn.BatchNorm2d(teacher))
        for conv in (self.conv1[0], self.conv2[0]):
            nn.init.kaiming_uniform_(conv.weight, a=1)

    def gates(self, x, y):
        return torch.sigmoid(self.att(torch.cat([x, y], 1)))

    def forward(self, feature, deeper, size):
        """The map to compare with the teacher's, and the residual for the next shallower level."""
        x = self.conv1(feature)
        if self.att is not None:
            y = resize(deeper, x.shape[2:])
            z = self.gates(x, y)
            x = x * z[:, :1] + y * z[:, 1:]
        residual = resize(x, size)
        return self.conv2(residual), residual


class Review(nn.Module):
    """The chain; levels are listed shallow to deep."""

    def __init__(self, student_channels, teacher_channels, mid):
        super().__init__()
        pairs = list(zip(student_channels, teacher_channels))
        self.levels = nn.ModuleList(Fusion(c, mid, t, i + 1 < len(pairs)) for i, (c, t) in enumerate(pairs))

    def forward(self, features, sizes):
        outs, residual = [], None
        for level, feature, size in reversed(list(zip(self.levels, features, sizes))):
            out, residual = level(feature, residual, torch.Size(size))
            outs.insert(0, out)
        return outs


def review_loss(review, features, targets):
    """The sum of the levels' losses."""
    outs = review(features, [target.shape[2:] for target in targets])
    return sum(hcl(out, target) for out, target in zip(outs, targets))
