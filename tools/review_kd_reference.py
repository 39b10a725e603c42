"""Recomputes every ReviewKD test vector of the method's specification and compares it with the printed table.

    python tools/review_kd_reference.py

Needs: torch. Writes: crates/potstill-methods/tests/reference/review_kd.json (9 digits). Prints pass or fail
for each number of the tables (6 digits) and ends with status 1 if any fails. Everything is computed in f64,
by tools/review_kd.py.

"ar(shape, f)" fills a tensor in row-major (N, C, H, W) order with f(i), i = 0, 1, 2, ...
"""

import math
import sys

import torch

import reference_json
from review_kd import Fusion, Review, hcl, hcl_terms, resize

HCL_TABLE = {
    (1, 2, 8, 8): ([0.41757, 0.336244, 0.139376, 0.0727755], 0.335804),
    (1, 2, 4, 4): ([0.387552, 0.364175, 0.272983], 0.364506),
    (1, 2, 1, 1): ([0.902948], 0.902948),
    (2, 3, 2, 2): ([0.345526, 0.336667], 0.342573),
    (1, 2, 3, 3): ([0.277573, 0.24103, 0.215593], 0.258278),
    (1, 2, 5, 7): ([0.21716, 0.166741, 0.125339, 0.0528802], 0.18052),
    (1, 2, 3, 8): ([0.287976, 0.169572, 0.0819864], 0.224719),
    (2, 2, 13, 10): ([0.869586, 0.305174, 0.0473908, 0.0224153], 0.552972),
    (1, 1, 32, 32): ([0.982226, 0.00224999, 0.00171746, 1.33759e-05], 0.524684),
}
GRADIENT_TABLE = {
    "[0,0,0,0]": -0.00994914,
    "[0,0,3,5]": 0.00965737,
    "[0,1,7,7]": 0.00830386,
    "sum": -0.112373,
    "norm": 0.0935281,
}
RESIZE_TABLE = {
    (3, 7): [0, 0, 0, 1, 1, 2, 2],
    (4, 10): [0, 0, 0, 1, 1, 2, 2, 2, 3, 3],
    (7, 14): [i // 2 for i in range(14)],
    (5, 3): [0, 1, 3],
}
# mode, size: gates at [0,:,0,0], their means, residual [0,0,0,:3], its sum of squares,
# out [0,0,0,:3], out [1,3,-1,-1], its sum of squares
FUSION_TABLE = {
    ("eval", 4): (
        [0.489451, 0.528376],
        [0.518889, 0.476131],
        [0.479452, 0.46959, 0.443148],
        5.21022,
        [0.0110711, 0.0452859, 0.0587081],
        0.0226289,
        0.971117,
    ),
    ("eval", 8): (
        [0.489451, 0.528376],
        [0.518889, 0.476131],
        [0.479452, 0.479452, 0.46959],
        20.8409,
        [0.00704834, 0.0265593, 0.026537],
        0.0274968,
        4.58239,
    ),
    ("train", 4): (
        [0.487633, 0.531251],
        [0.519662, 0.47459],
        [0.415833, 0.341906, 0.250909],
        10.4443,
        [-1.28959, -1.15275, -0.941971],
        1.48807,
        127.886,
    ),
    ("train", 8): (
        [0.487633, 0.531251],
        [0.519662, 0.47459],
        [0.415833, 0.415833, 0.341906],
        41.7773,
        [-1.2324, -1.29417, -1.30921],
        1.34821,
        511.69,
    ),
}
DEEPEST_TABLE = {"out": [-1.3244, -1.82778, -1.64749], "residual_sum_of_squares": 63.9695}
CHAIN_TABLE = [
    ([-0.314139, -0.771672, -0.929623], 0.0757227, 196.623, 1.10655),
    ([0.812492, 1.13147, 1.10278], -1.56968, 109.157, 1.11538),
    ([-0.999992, 0.999978, -0.999347], 0.999347, 5.99863, 1.96801),
]
CHAIN_GRADIENTS = {
    "level1_att_bias": [0.0568062, -0.0679117],
    "level3_conv1_weight_0": -0.000511394,
    "level2_conv1_weight_0": -0.111561,
    "level2_conv1_weight_norm": 0.1613,
}
# student channels, teacher channels, mid, parameters (section 2.5)
COUNT_TABLE = [
    ([16, 32, 64, 64], [16, 32, 64, 64], 64, 114278),
    ([64, 128, 256, 256], [64, 128, 256, 256], 256, 1808774),
    ([32, 64, 128, 128], [32, 64, 128, 128], 128, 453830),
    ([16, 32, 64, 64], [32, 64, 128, 128], 64, 216006),
    ([240, 480, 960, 960], [32, 64, 128, 128], 512, 2984646),
    ([240, 480, 960, 960], [64, 128, 256, 256], 512, 4607366),
    ([116, 232, 464, 1024], [64, 128, 256, 256], 512, 4195718),
    ([64, 128, 256, 512, 512], [64, 128, 256, 512, 512], 512, 7552904),
    ([128, 256, 512, 1024, 1024], [256, 512, 1024, 2048, 2048], 256, 14338056),
    ([128, 256, 512, 1024, 1024], [256, 512, 1024, 2048, 2048], 512, 28664328),
    ([256] * 5, [256] * 5, 256, 3286024),
]


class Checks:
    """Compares numbers with those of the tables, to the table's last digit."""

    def __init__(self):
        self.passed = self.failed = 0

    def compare(self, what, computed, printed):
        computed, printed = [
            torch.as_tensor(x, dtype=torch.float64).flatten().tolist() for x in (computed, printed)
        ]
        for ours, theirs in zip(computed, printed, strict=True):
            unit = 10.0 ** (math.floor(math.log10(abs(theirs))) - 5) if theirs else 1e-6
            good = abs(ours - theirs) <= 0.51 * unit
            self.passed, self.failed = self.passed + good, self.failed + (not good)
            print(f"{'pass' if good else 'FAIL'}  {what}: {ours:.9g} (table {theirs})")


def ar(shape, f):
    return torch.tensor([f(i) for i in range(math.prod(shape))], dtype=torch.float64).reshape(shape)


def wave(shape):
    return ar(shape, lambda i: math.cos(0.07 * i))


def squares(x):
    return x.square().sum()


def hcl_section(checks):
    cases = []
    for shape, (printed_terms, printed) in HCL_TABLE.items():
        out, target = ar(shape, lambda i: math.sin(0.1 * i)), wave(shape)
        terms, loss = hcl_terms(out, target)[0], hcl(out, target)
        checks.compare(f"hcl terms {shape}", terms, printed_terms)
        checks.compare(f"hcl {shape}", loss, printed)
        cases.append({"shape": list(shape), "terms": [term.item() for term in terms], "hcl": loss})
    out = ar((1, 2, 8, 8), lambda i: math.sin(0.1 * i)).requires_grad_()
    hcl(out, wave(out.shape)).backward()
    g = out.grad
    gradient = dict(zip(GRADIENT_TABLE, (g[0, 0, 0, 0], g[0, 0, 3, 5], g[0, 1, 7, 7], g.sum(), g.norm())))
    for key, printed in GRADIENT_TABLE.items():
        checks.compare(f"hcl gradient {key}", gradient[key], printed)
    both = cases[0]["hcl"] + cases[2]["hcl"]
    checks.compare("hcl of two levels", both, 1.23875)
    return {
        "out": "ar(shape, sin(0.1 i))",
        "target": "ar(shape, cos(0.07 i))",
        "cases": cases,
        "two_levels_8x8_and_1x1": both,
        "gradient_8x8": gradient,
    }


def resize_section(checks):
    cases = []
    for (source, size), printed in RESIZE_TABLE.items():
        row = torch.arange(source, dtype=torch.float64).reshape(1, 1, 1, source)
        indices = resize(row, torch.Size((1, size))).flatten().int().tolist()
        checks.compare(f"resize {source} to {size}", indices, printed)
        cases.append({"from": source, "to": size, "indices": indices})
    return cases


def fusion_module(fuse):
    """The single module of section 7.3."""
    module = Fusion(3, 2, 4, fuse).double()
    with torch.no_grad():
        module.conv1[0].weight.copy_(ar((2, 3, 1, 1), lambda i: 0.1 * (i + 1) - 0.3))
        module.conv2[0].weight.copy_(ar((4, 2, 3, 3), lambda i: 0.1 * math.sin(0.3 * i)))
        if fuse:
            module.att.weight.copy_(ar((2, 4, 1, 1), lambda i: 0.05 * i - 0.2))
            module.att.bias.copy_(torch.tensor([0.1, -0.1]))
    return module


@torch.no_grad()
def fusion_section(checks):
    x, y = ar((2, 3, 4, 4), lambda i: math.sin(0.1 * i)), ar((2, 2, 2, 2), lambda i: math.cos(0.2 * i))
    keys = (
        "gates",
        "gate_means",
        "residual",
        "residual_sum_of_squares",
        "out",
        "out_last",
        "out_sum_of_squares",
    )
    cases = []
    for (mode, size), printed in FUSION_TABLE.items():
        module = fusion_module(True).train(mode == "train")
        z = module.gates(module.conv1(x), resize(y, x.shape[2:]))
        # The probe above has moved the running statistics: a fresh module keeps the case on its own.
        out, residual = fusion_module(True).train(mode == "train")(x, y, torch.Size((size, size)))
        values = (
            z[0, :, 0, 0],
            z.mean(dim=(0, 2, 3)),
            residual[0, 0, 0, :3],
            squares(residual),
            out[0, 0, 0, :3],
            out[1, 3, -1, -1],
            squares(out),
        )
        for key, ours, theirs in zip(keys, values, printed):
            checks.compare(f"fusion {mode} {size} {key}", ours, theirs)
        cases.append({"mode": mode, "teacher_size": size} | dict(zip(keys, values)))
    out, residual = fusion_module(False).train()(x, None, torch.Size((4, 4)))
    deepest = {"out": out[0, 0, 0, :3], "residual_sum_of_squares": squares(residual)}
    for key, printed in DEEPEST_TABLE.items():
        checks.compare(f"fusion without attention {key}", deepest[key], printed)
    return {"cases": cases, "without_attention_train_4": deepest}


def chain_section(checks):
    features = [
        ar((2, 2, 8, 8), lambda i: math.sin(0.1 * i)),
        ar((2, 3, 4, 4), lambda i: math.cos(0.2 * i)),
        ar((2, 3, 1, 1), lambda i: math.sin(i + 0.5)),
    ]
    review = Review([2, 3, 3], [2, 4, 3], 3).double()
    with torch.no_grad():
        for index, level in enumerate(review.levels):
            convs = [level.conv1[0], level.att, level.conv2[0]]
            for k, conv in enumerate(convs, 3 * index):
                if conv is not None:
                    conv.weight.copy_(ar(conv.weight.shape, lambda i, k=k: 0.5 * math.sin(0.1 * (i + 1) + k)))
            if level.att is not None:
                level.att.bias.zero_()
    outs = review(features, [(8, 8), (4, 4), (1, 1)])
    losses = [hcl(out, wave(out.shape)) for out in outs]
    levels = []
    for index, (out, loss, printed) in enumerate(zip(outs, losses, CHAIN_TABLE)):
        out = out.detach()
        values = (out.flatten()[:3], out.flatten()[-1], out.abs().sum(), loss.detach())
        keys = ("out_first", "out_last", "out_sum_of_abs", "hcl")
        for key, ours, theirs in zip(keys, values, printed):
            checks.compare(f"chain level {index + 1} {key}", ours, theirs)
        levels.append(dict(zip(keys, values)))
    total = sum(losses)
    checks.compare("chain total", total.detach(), 4.18994)
    total.backward()
    return {"levels": levels, "total": total.detach(), "gradients": chain_gradients(checks, review)}


def chain_gradients(checks, review):
    first, second, third = review.levels
    values = (
        first.att.bias.grad,
        third.conv1[0].weight.grad.flatten()[0],
        second.conv1[0].weight.grad.flatten()[0],
        second.conv1[0].weight.grad.norm(),
    )
    gradients = dict(zip(CHAIN_GRADIENTS, values))
    for key, printed in CHAIN_GRADIENTS.items():
        checks.compare(f"chain gradient {key}", gradients[key], printed)
    return gradients


def count_section(checks):
    cases = []
    for student, teacher, mid, printed in COUNT_TABLE:
        count = sum(p.numel() for p in Review(student, teacher, mid).parameters())
        checks.compare(f"parameters {student} to {teacher}, mid {mid}", float(count == printed), 1.0)
        cases.append({"student": student, "teacher": teacher, "mid": mid, "parameters": count})
    return cases


def invariants(checks):
    """The statements of section 7.5 about the loss and the gates."""
    out, target = ar((2, 2, 8, 8), lambda i: math.sin(0.1 * i)), wave((2, 2, 8, 8))
    good = {
        "zero at equality": hcl(target, target) == 0,
        "symmetric": torch.isclose(hcl(out, target), hcl(target, out), rtol=1e-12),
        "scales with the square": torch.isclose(hcl(3 * out, 3 * target), 9 * hcl(out, target), rtol=1e-12),
        "adds c^2 + 2c mean(difference)": all(
            torch.isclose(shifted, plain + 0.49 + 1.4 * (out - target).mean(), rtol=1e-12)
            for shifted, plain in zip(hcl_terms(out + 0.7, target)[0], hcl_terms(out, target)[0])
        ),
        "a constant difference counts alike at every size": torch.isclose(
            hcl(target + 0.3, target), torch.tensor(0.09).double()
        ),
    }
    module = fusion_module(True)
    with torch.no_grad():
        module.att.weight.zero_()
        z = module.gates(torch.ones(1, 2, 2, 2).double(), torch.ones(1, 2, 2, 2).double())
    good["zero attention weights give sigmoid(bias)"] = torch.allclose(
        z[0, :, 0, 0], torch.sigmoid(module.att.bias)
    )
    out = fusion_module(True).train()(wave((2, 3, 4, 4)), wave((2, 2, 2, 2)), torch.Size((4, 4)))[0]
    mean, variance = out.mean(dim=(0, 2, 3)), out.var(dim=(0, 2, 3), correction=0)
    good["in train mode every channel has mean 0 and variance just under 1"] = (
        mean.abs().max() < 1e-12 and 0.99 < variance.min() and variance.max() < 1
    )
    for statement, holds in good.items():
        checks.compare(statement, float(holds), 1.0)


def main():
    checks = Checks()
    content = {
        "made_by": (
            f"tools/review_kd_reference.py with torch {torch.__version__}, f64; ar(shape, f) fills (N, C, H,"
            " W) row-major with f(i)"
        ),
        "hcl": hcl_section(checks),
        "nearest_resize": resize_section(checks),
        "fusion": (
            {
                "inputs": (
                    "x = ar((2,3,4,4), sin(0.1 i)), y = ar((2,2,2,2), cos(0.2 i)), mid 2, teacher channels 4;"
                    " conv1 = ar((2,3,1,1), 0.1 (i + 1) - 0.3), att weight = ar((2,4,1,1), 0.05 i - 0.2), att"
                    " bias = (0.1, -0.1), conv2 = ar((4,2,3,3), 0.1 sin(0.3 i)); gates [0,:,0,0]; residual"
                    " and out [0,0,0,0..2]; out_last [1,3,-1,-1]"
                ),
            }
            | fusion_section(checks)
        ),
        "chain": (
            {
                "inputs": (
                    "features ar((2,2,8,8), sin(0.1 i)), ar((2,3,4,4), cos(0.2 i)), ar((2,3,1,1), sin(i +"
                    " 0.5)); mid 3; teacher channels 2, 4, 3, same sizes; level l = 1, 2, 3: weights"
                    " ar(shape, 0.5 sin(0.1 (i + 1) + k)), k = 3 (l - 1) for conv1, + 1 for att, + 2 for"
                    " conv2; att biases 0; targets ar(shape, cos(0.07 i)); train mode"
                ),
            }
            | chain_section(checks)
        ),
        "parameter_counts": count_section(checks),
    }
    invariants(checks)
    reference_json.write("potstill-methods", "review_kd.json", reference_json.significant(content, 9))
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
