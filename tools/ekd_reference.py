"""Recomputes every EKD test vector of the method's specification and compares it with the printed table.

    python tools/ekd_reference.py

Needs: torch. Writes: crates/potstill-methods/tests/reference/ekd.json and
crates/potstill-engine/tests/reference/low_resolution.json (9 digits). Prints pass or fail for each number of the
tables (6 digits) and ends with status 1 if any fails. Everything is computed in f64.

"ar(shape, f)" fills a tensor in row-major (N, C, H, W) order with f(i), i = 0, 1, 2, ...
"""

import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

import reference_json

DOUBLE = torch.float64
LABELS = torch.tensor([1, 3])
FAILED = []


def ar(shape, f):
    values = [f(i) for i in range(math.prod(shape))]
    return torch.tensor(values, dtype=DOUBLE).reshape(shape)


def compare(what, ours, table):
    """Six printed digits: relative to the number itself, absolute near zero."""
    if isinstance(ours, list):
        ours = torch.stack([torch.as_tensor(x, dtype=DOUBLE).detach() for x in ours])
    ours = ours.flatten().tolist()
    assert len(ours) == len(table), (what, len(ours), len(table))
    good = all(abs(a - b) <= 6e-6 * max(abs(b), 0.1) for a, b in zip(ours, table))
    if not good:
        FAILED.append(what)
    print(f"{'pass' if good else 'FAIL'}  {what}")


class Half(nn.Module):
    """BN(Conv3x3(ReLU(BN(Conv1x1(x)))))."""

    def __init__(self, first, second, affine=None):
        super().__init__()
        width, inputs = first.shape[:2]
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False, dtype=DOUBLE)
        self.bn1 = nn.BatchNorm2d(width, dtype=DOUBLE)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False, dtype=DOUBLE)
        self.bn2 = nn.BatchNorm2d(width, dtype=DOUBLE)
        with torch.no_grad():
            self.conv1.weight.copy_(first)
            self.conv2.weight.copy_(second)
            if affine is not None:
                self.bn1.weight.copy_(torch.tensor(affine[0], dtype=DOUBLE))
                self.bn1.bias.copy_(torch.tensor(affine[1], dtype=DOUBLE))

    def forward(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


def student_half():
    return Half(
        ar([3, 2, 1, 1], lambda i: 0.5 * math.cos(i)),
        ar([3, 3, 3, 3], lambda i: 0.2 * math.sin(0.3 * i)),
        ([1, 1.1, 1.2], [0, 0.05, 0.1]),
    )


def teacher_half():
    return Half(
        ar([3, 4, 1, 1], lambda i: 0.4 * math.sin(i + 1)),
        ar([3, 3, 3, 3], lambda i: 0.2 * math.cos(0.3 * i)),
    )


def student_map():
    return ar([2, 2, 4, 4], lambda i: math.sin(0.1 * i)).requires_grad_()


def teacher_map():
    return ar([2, 4, 8, 8], lambda i: math.cos(0.05 * i)).requires_grad_()


def norm_mse(a, b):
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    return (a - b).pow(2).sum(1).mean()


def kt(student, teacher, tau=4.0):
    log_p = F.log_softmax(teacher.detach() / tau, 1)
    log_q = F.log_softmax(student / tau, 1)
    return tau**2 * (log_p.exp() * (log_p - log_q)).sum() / len(student)


def head():
    linear = nn.Linear(3, 5, dtype=DOUBLE)
    with torch.no_grad():
        linear.weight.copy_(ar([5, 3], lambda i: 0.3 * math.sin(0.5 * i)))
        linear.bias.copy_(ar([5], lambda i: 0.1 * math.cos(i)))
    return linear


def guided():
    """E1, E2 and E3."""
    fs, ft, gs, gt = student_map(), teacher_map(), student_half(), teacher_half()
    pooled = F.adaptive_avg_pool2d(ft.detach(), 4)
    ks, kt_map = gs(fs), gt(pooled)
    loss = (ks - kt_map.detach()).pow(2).mean()
    loss.backward()
    assert ft.grad is None and gt.conv1.weight.grad is None and gt.conv2.weight.grad is None
    compare("E1", pooled[0, 0], E1)
    compare("E2 K^S[0,0]", ks[0, 0], KS00)
    compare("E2 K^S[1,2]", ks[1, 2], KS12)
    compare("E2 K^T[0,0]", kt_map[0, 0], KT00)
    compare("E2 K^T[1,2]", kt_map[1, 2], KT12)
    compare("E2 squares", [ks.pow(2).sum(), kt_map.pow(2).sum()], [95.9965, 95.9986])
    angle = norm_mse(ks, kt_map)
    compare("E2 losses", [loss, angle], [1.6929, 1.68872])
    compare("E2 F^S", [fs.grad.norm(), fs.grad.flatten()[0]], [0.708118, -0.137909])
    compare("E2 convs", [gs.conv2.weight.grad.norm(), gs.conv1.weight.grad.norm()], [1.73051, 4.40823])
    compare("E2 conv1", gs.conv1.weight.grad, [0.210657, -0.389943, 0.33623, -0.141392, 1.74012, 4.00937])
    recorded = {
        "pooled": pooled,
        "student": ks,
        "teacher": kt_map,
        "mse": loss,
        "norm_mse": angle,
        "gradient_of_student_map": fs.grad.clone(),
        "gradients": {name: p.grad.clone() for name, p in gs.named_parameters()},
    }
    fs.grad = None
    norm_mse(gs(fs), kt_map.detach()).backward()
    recorded["norm_mse_gradient_of_student_map"] = fs.grad.clone()

    linear = head()
    logits = linear(F.relu(kt_map).mean((2, 3)))
    ce = F.cross_entropy(logits, LABELS)
    ce.backward()
    assert ft.grad is None
    compare("E3 a", logits, A)
    compare("E3 CE and gradient", [ce, gt.conv1.weight.grad.norm()], [1.68659, 0.00906572])
    recorded["head"] = {
        "logits": logits,
        "cross_entropy": ce,
        "gradients": {name: p.grad for name, p in gt.named_parameters()},
        "head_gradients": {name: p.grad for name, p in linear.named_parameters()},
    }
    # The knob that lets the head's loss reach the teacher.
    ft, gt, linear = teacher_map(), teacher_half(), head()
    logits = linear(F.relu(gt(F.adaptive_avg_pool2d(ft, 4))).mean((2, 3)))
    F.cross_entropy(logits, LABELS).backward()
    recorded["head"]["gradient_of_teacher_map"] = ft.grad
    return recorded, loss.item(), ce.item()


def totals(ir, aux):
    """E4."""
    zs = ar([2, 5], lambda i: math.sin(0.5 * i)).requires_grad_()
    zt = ar([2, 5], lambda i: 2 * math.cos(0.3 * i)).requires_grad_()
    ce_s, ce_t, transfer = F.cross_entropy(zs, LABELS), F.cross_entropy(zt, LABELS), kt(zs, zt)
    compare("E4 parts", [ce_s, ce_t, transfer], [2.05069, 1.8561, 0.154925])
    compare("E4 sums", [ce_s + transfer + ir, ce_t + aux], [3.89852, 3.54269])
    (ce_s + transfer + ce_t).backward()
    compare("E4 z^T", zt.grad, ZT)
    compare("E4 z^S", zs.grad, ZS)
    constant = kt(zs, torch.zeros_like(zt))
    compare("E4 constant teacher", [constant], [0.117143])
    return {
        "cross_entropies": [ce_s, ce_t],
        "transfer": transfer,
        "sums": [(ce_s + transfer).item() + ir, ce_t.item() + aux],
        "gradients": {"student": zs.grad, "teacher": zt.grad},
        "transfer_of_a_constant": constant,
    }


def low_resolution():
    """E5, and the window of 7 that faces have."""
    x = ar([1, 1, 8, 8], lambda i: math.sin(0.1 * i))
    small = F.avg_pool2d(x, 2)
    nearest = F.interpolate(small, (8, 8), mode="nearest")
    bilinear = F.interpolate(small, (8, 8), mode="bilinear", align_corners=False)
    compare("E5 small", small, SMALL)
    compare("E5 nearest", nearest[0, 0, 0], [v for v in SMALL[:4] for _ in range(2)])
    compare("E5 bilinear 0", bilinear[0, 0, 0], BILINEAR0)
    compare("E5 bilinear 3", bilinear[0, 0, 3], BILINEAR3)
    big = ar([2, 3, 21, 21], lambda i: 0.5 + 0.5 * math.sin(0.1 * i + 0.003 * i * i))
    faces = F.avg_pool2d(big, 7)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    shape = [1, 3, 1, 1]
    normalised = (F.interpolate(faces, (21, 21), mode="bilinear", align_corners=False) - torch.tensor(mean).reshape(shape)) / (
        torch.tensor(std).reshape(shape)
    )
    leaf = big.clone().requires_grad_()
    out = F.interpolate(F.avg_pool2d(leaf, 7), (21, 21), mode="bilinear", align_corners=False)
    (out * ar([2, 3, 21, 21], lambda i: math.cos(0.2 * i))).sum().backward()
    return {
        "made_by": f"tools/ekd_reference.py with torch {torch.__version__}, f64",
        "image": "[1, 1, 8, 8] row-major: sin(0.1 i)",
        "small": small,
        "nearest": nearest,
        "bilinear": bilinear,
        "faces": {
            "image": "[2, 3, 21, 21] row-major: 0.5 + 0.5 sin(0.1 i + 0.003 i^2)",
            "size": 3,
            "mean": mean,
            "std": std,
            "small": faces,
            "bilinear_normalised_first_rows": normalised[:, :, :5, :],
            "gradient": "of the sum of the bilinear enlargement times cos(0.2 i), at [0, 0, 0:21:7, 0:21:7]",
            "gradients": leaf.grad[0, 0, ::7, ::7],
        },
    }


E1 = [0.955065, 0.928471, 0.8926, 0.84781, 0.508592, 0.42245, 0.332086, 0.238404]
E1 += [-0.246385, -0.339824, -0.429867, -0.515615, -0.851909, -0.895964, -0.931068, -0.956869]
KS00 = [0.539765, 0.97033, 1.01356, 0.54005, 0.533396, 0.977014, 1.16481, 0.610007]
KS00 += [0.941274, 1.55861, 1.57183, 0.806309, 0.468904, 0.73146, 0.706135, 0.168505]
KS12 = [1.64597, 2.14074, 1.95745, 1.43433, 1.35242, 1.4492, 1.09663, 0.726413]
KS12 += [0.351143, 0.0140309, -0.320569, -0.108799, 0.406914, 0.351886, 0.189695, 0.419706]
KT00 = [0.0763619, 0.719957, 0.688741, 0.430042, 1.12939, 1.90428, 1.72156, 0.873463]
KT00 += [0.108146, 0.163368, -0.0586631, -0.419158, -1.02022, -1.38082, -1.48468, -1.26132]
KT12 = [0.654412, 0.239213, 0.15981, 0.120603, -0.891376, -1.72583, -1.59145, -0.81864]
KT12 += [-0.17514, -0.301836, -0.0847512, 0.372157, 1.01908, 1.42768, 1.51231, 1.36299]
A = [0.256163, 0.376664, -0.152133, -0.437269, -0.00270275]
A += [0.27667, 0.365269, -0.174253, -0.429003, 0.0205865]
ZT = [0.148446, -0.364239, 0.104678, 0.069647, 0.0414685]
ZT += [0.226417, 0.124774, 0.0716084, -0.455025, 0.0322256]
ZS = [-0.0611968, -0.477738, 0.120914, 0.196787, 0.221234]
ZS += [0.179218, 0.123332, 0.0804632, -0.440673, 0.05766]
SMALL = [0.400129, 0.556717, 0.69111, 0.797951, 0.816293, 0.715757, 0.586686, 0.434226]
SMALL += [-0.4478, -0.598517, -0.725372, -0.82331, -0.790142, -0.680804, -0.544325, -0.386145]
BILINEAR0 = [0.400129, 0.439276, 0.51757, 0.590315, 0.657512, 0.717821, 0.771241, 0.797951]
BILINEAR3 = [0.50027, 0.472, 0.415459, 0.355059, 0.290801, 0.223964, 0.154549, 0.119842]


def main():
    modules, ir, aux = guided()
    content = {
        "made_by": f"tools/ekd_reference.py with torch {torch.__version__}, f64",
        "formulas": {
            "student_map": "[2, 2, 4, 4]: sin(0.1 i)",
            "teacher_map": "[2, 4, 8, 8]: cos(0.05 i)",
            "student_half": "conv1 0.5 cos(i), bn1 weight 1, 1.1, 1.2 and bias 0, 0.05, 0.1, conv2 0.2 sin(0.3 i)",
            "teacher_half": "conv1 0.4 sin(i + 1), conv2 0.2 cos(0.3 i)",
            "head": "weight [5, 3] 0.3 sin(0.5 i), bias 0.1 cos(i), labels 1, 3",
            "logits": "[2, 5]: student sin(0.5 i), teacher 2 cos(0.3 i), temperature 4",
        },
        "guided": modules,
        "totals": totals(ir, aux),
    }
    reference_json.write("potstill-methods", "ekd.json", reference_json.significant(content, 9))
    reference_json.write(
        "potstill-engine", "low_resolution.json", reference_json.significant(low_resolution(), 9)
    )
    sys.exit(f"failed: {', '.join(FAILED)}" if FAILED else 0)


if __name__ == "__main__":
    main()
