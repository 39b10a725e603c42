"""Recomputes every letKD test vector of the method's specification and compares it with the printed tables.

    python tools/letkd_reference.py

Needs: torch, numpy. Writes: crates/potstill-ops/tests/reference/kd_layer.json and
crates/potstill-methods/tests/reference/letkd.json (9 digits). Prints pass or fail for each number of the tables
(6 digits) and ends with status 1 if any fails. Everything is computed in f64.

"ar(shape, f)" fills a tensor in row-major (N, C, H, W) order with f(i), i = 0, 1, 2, ...
"""

import sys

import numpy as np
import torch
from torch.nn import functional as F

import reference_json

FAILED = []


def ar(shape, formula):
    index = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return formula(index).reshape(shape)


def check(what, ours, printed):
    """The printed numbers have six digits."""
    ours = torch.as_tensor(ours, dtype=torch.float64).flatten().tolist()
    printed = torch.as_tensor(printed, dtype=torch.float64).flatten().tolist()
    near = len(ours) == len(printed) and all(
        abs(a - b) <= 6e-6 * max(abs(b), 0.01) for a, b in zip(ours, printed)
    )
    print(f"{'pass' if near else 'FAIL'}  {what}")
    if not near:
        print(f"      {ours}\n      {printed}")
        FAILED.append(what)


def cosine_conv(u, weight, scale):
    """A 1x1 convolution by directions."""
    u = u / u.norm(dim=1, keepdim=True).clamp_min(1e-12)
    rows = weight / weight.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return scale * torch.einsum("nihw,oi->nohw", u, rows)


def kd_layer(x, w1, s1, w2, s2, alpha, training):
    """Scores, matches, residual and the feature that goes on."""
    a = cosine_conv(x, w1, s1)
    k = a.shape[1]
    mean, var = torch.zeros(k, dtype=a.dtype), torch.ones(k, dtype=a.dtype)
    p = F.relu(F.batch_norm(a, mean, var, training=training, eps=1e-5))
    v = cosine_conv(p, w2, s2)
    return a, p, v, x + alpha * v


def rows(maps):
    """Positions (n, row, column) as rows."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def divergence(targets, scores):
    """KL(targets || softmax(scores)), mean over positions, 0 log 0 = 0."""
    log = torch.where(targets > 0, targets, torch.ones_like(targets)).log()
    return (targets * (log - F.log_softmax(scores, 1))).sum(1).mean()


def layer_vectors():
    x = ar((2, 3, 2, 2), lambda i: torch.sin(0.7 * i + 0.2))
    w1 = ar((5, 3), lambda i: torch.cos(0.9 * i))
    w2 = ar((3, 5), lambda i: torch.sin(0.5 * i + 0.3))
    table = {
        (False, 1.0): ([0.619018, 0.0408635, -0.819691], [-0.382428, 0.377732, -0.525446], 3.81017, 24.4772),
        (False, 0.2): ([0.282739, 0.121069, -0.53562], [-0.841794, 0.718574, -0.551531], 2.60155, 13.1199),
        (True, 1.0): ([0.739032, -0.184233, -0.569265], [-0.35968, 0.457595, -0.697383], 3.81961, 23.7119),
        (True, 0.2): ([0.306742, 0.0760493, -0.485535], [-0.837244, 0.734547, -0.585918], 2.60344, 13.085),
    }
    inner = {
        False: ([1.86901, 0, 0, 1.04182, 0], [0.420348, -0.100257, -0.355089], 6.17814),
        True: ([1.78081, 0, 0, 2.1823, 0], [0.540362, -0.325353, -0.104663], 5.43921),
    }
    out = {"cases": []}
    for (training, alpha), (first, last, total, squares) in table.items():
        a, p, v, y = kd_layer(x, w1, 3.0, w2, 1.0, alpha, training)
        name = f"{'train' if training else 'eval'} {alpha}"
        check(f"{name}: scores", a[0, :, 0, 0], [1.86902, -0.922504, -0.0663448, 1.04182, -1.95036])
        check(f"{name}: sums of scores", [a.sum(), (a**2).sum()], [0.330055, 22.905])
        check(f"{name}: matches", p[0, :, 0, 0], inner[training][0])
        check(f"{name}: residual", v[0, :, 0, 0], inner[training][1])
        check(f"{name}: its square", (v**2).sum(), inner[training][2])
        check(f"{name}: first", y[0, :, 0, 0], first)
        check(f"{name}: last", y[1, :, 1, 1], last)
        check(f"{name}: sums", [y.sum(), (y**2).sum()], [total, squares])
        maps = {"scores": a, "matches": p, "out": y}
        out["cases"].append(
            {"training": training, "alpha": alpha} | {key: rows(value).flatten() for key, value in maps.items()}
        )
    return out


def penultimate_vectors():
    x = ar((2, 3, 2, 2), lambda i: torch.sin(0.7 * i + 0.2)).requires_grad_()
    w1 = ar((5, 3), lambda i: torch.cos(0.9 * i)).requires_grad_()
    w2 = ar((3, 5), lambda i: torch.sin(0.5 * i + 0.3)).requires_grad_()
    s1 = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    s2 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    f = ar((2, 3, 2, 2), lambda i: torch.cos(0.4 * i))
    mu = ar((5, 3), lambda i: torch.sin(1.1 * i))
    squared = ((rows(f)[:, None] - mu[None]) ** 2).sum(2)
    targets = torch.softmax(-squared, 1)
    check("distances", squared[0], [5.11164, 2.27691, 4.01557, 3.36786, 2.89228])
    check("target 0", targets[0], [0.0278251, 0.473748, 0.0832635, 0.15913, 0.256033])
    check("target 7", targets[7], [0.0482115, 0.275399, 0.147047, 0.0933178, 0.436025])
    check("mean of maxima", targets.max(1).values.mean(), 0.524392)
    a, _, _, y = kd_layer(x, w1, s1, w2, s2, 1.0, True)
    loss = divergence(targets, rows(a))
    check("loss", loss, 0.754899)
    check("cross-entropy", -(targets * F.log_softmax(rows(a), 1)).sum(1).mean(), 1.85888)
    whole = loss + (y**2).mean()
    check("whole loss", whole, 1.74289)
    whole.backward()
    check("slope of s1", s1.grad, 0.151125)
    check("slope of s2", s2.grad, 0.73479)
    check("slope of x", x.grad[0, :, 0, 0], [0.596698, 0.248146, 0.261418])
    check("norms of slopes", [w1.grad.norm(), w2.grad.norm()], [1.2626, 0.369313])
    return {
        "targets": targets.flatten(),
        "loss": loss.item(),
        "whole": whole.item(),
        "templates.scale": s1.grad.item(),
        "vectors.scale": s2.grad.item(),
        "x": rows(x.grad).flatten(),
        "templates.weight": w1.grad.flatten(),
        "vectors.weight": w2.grad.flatten(),
    }


def intermediate_vectors():
    x = ar((2, 3, 2, 2), lambda i: torch.sin(0.7 * i + 0.2))
    w1 = ar((4, 3), lambda i: torch.cos(0.9 * i))
    f = ar((2, 3, 2, 2), lambda i: torch.cos(0.4 * i))
    projection = torch.tensor([[0.5, -0.2, 0.1], [0.3, 0.8, -0.4], [-0.6, 0.1, 0.9]], dtype=torch.float64)[:, :2]
    mean = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    rho = torch.tensor([[0, 0], [0.5, 0.2], [-0.4, 0.6], [0.3, -0.9]], dtype=torch.float64)
    table = torch.tensor(
        [[0.7, 0.1, 0.15, 0.05], [0.2, 0.6, 0, 0.2], [0.1, 0.1, 0.8, 0], [0, 0.3, 0.3, 0.4]], dtype=torch.float64
    )
    u = (rows(f) - mean) @ projection
    check("u 0", u[0], [1.16022, -0.493189])
    check("u 5", u[5], [0.876651, 0.379886])
    squared = ((u[:, None] - rho[None]) ** 2).sum(2)
    check("nearest of all", squared.argmin(1), [3, 3, 3, 3, 1, 1, 1, 1])
    own = torch.tensor([[0, 1]] * 4 + [[2, 3]] * 4)
    assigned = own.gather(1, squared.gather(1, own).argmin(1, keepdim=True)).flatten()
    check("assigned", assigned, [1, 1, 0, 0, 2, 2, 3, 3])
    scores = rows(cosine_conv(x, w1, 3.0))
    loss = divergence(table[assigned], scores)
    check("loss of decisions", loss, 0.598002)
    return {"u": u.flatten(), "assigned": assigned.tolist(), "scores": scores.flatten(), "loss": loss.item()}


def score_matrix_vectors():
    u = np.array([(0, 0), (0.2, 0), (1, 0), (1.2, 0.1), (0.9, 0.9), (1.1, 1), (0.1, 1), (0, 1.1), (1.05, 0.05)])
    of = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])
    prototypes = np.stack([u[of == k].mean(0) for k in range(4)])
    check("prototypes", prototypes, [[0.1, 0], [1.1, 0.05], [1, 0.95], [0.383333, 0.716667]])
    nearest = ((u[:, None] - prototypes[None]) ** 2).sum(2).argmin(1)
    check("nearest prototypes", nearest, [0, 0, 1, 1, 2, 2, 3, 3, 1])
    matrix = np.zeros((4, 4))
    np.add.at(matrix, (of, nearest), 1)
    matrix /= matrix.sum(1, keepdims=True)
    check("score matrix", matrix, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1 / 3, 0, 2 / 3])
    return {"prototypes": prototypes.flatten(), "matrix": matrix.flatten()}


def discriminants(points, labels, divisor):
    """Linear discriminant analysis by whitening and a singular value decomposition; also the shares of the components."""
    classes = sorted(set(labels))
    n, count = len(points), len(classes)
    means = np.stack([points[labels == c].mean(0) for c in classes])
    priors = np.array([(labels == c).mean() for c in classes])
    mean = priors @ means
    centred = points - means[labels]
    values, vectors = np.linalg.eigh(centred.T @ centred / divisor)
    whitening = vectors / np.sqrt(values)
    between = np.sqrt(n * priors / (count - 1))[:, None] * ((means - mean) @ whitening)
    _, singular, rotation = np.linalg.svd(between, full_matrices=False)
    kept = singular > 1e-4 * singular[0]
    projection = whitening @ rotation.T[:, kept]
    return projection, mean, singular[kept] ** 2 / (singular**2).sum(), (means - mean) @ projection


def lda_vectors():
    points = ar((12, 3), lambda i: torch.sin(0.37 * i**2 + 0.11 * i)).numpy()
    labels = np.repeat([0, 1, 2], 4)
    points = points + np.array([(0, 0, 0), (1.5, 0.2, -0.5), (-0.4, 1.8, 0.6)])[labels]
    out = {"points": points.flatten()}
    for divisor, printed in [(9, [9.61641, 4.50279, 11.5305]), (12, [12.8219, 6.00372, 15.374])]:
        projection, mean, shares, means = discriminants(points, labels, divisor)
        check("mean", mean, [0.435852, 0.792458, -0.0108674])
        distances = [((means[i] - means[j]) ** 2).sum() for i, j in [(0, 1), (0, 2), (1, 2)]]
        check(f"squared distances, divided by {divisor}", distances, printed)
        check("share", shares[0], 0.74534)
        if divisor == 9:
            out |= {"mean": mean, "distances": distances, "share": shares[0], "gram": (projection @ projection.T).flatten()}
        else:
            columns = [[1.44246, 0.085933, 0.958595], [0.440047, 1.70711, 0.638549]]
            check("columns, divided by 12", np.abs(projection.T), columns)
    return out


if __name__ == "__main__":
    layer = layer_vectors() | {"gradients": penultimate_vectors()}
    methods = {
        "penultimate": {key: layer["gradients"][key] for key in ["targets", "loss"]},
        "intermediate": intermediate_vectors(),
        "score_matrix": score_matrix_vectors(),
        "lda": lda_vectors(),
    }
    reference_json.write("potstill-ops", "kd_layer.json", reference_json.significant(layer, 9))
    reference_json.write("potstill-methods", "letkd.json", reference_json.significant(methods, 9))
    sys.exit(1 if FAILED else 0)
