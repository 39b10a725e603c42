"""Reference trajectories of the optimisers, by PyTorch.

    python tools/optimizer_reference.py

Needs: torch. Writes: crates/potstill-optim/tests/reference/optimizers.json.

Every trajectory is computed twice, by `torch.optim` and by the formula that the file states (written out
below, one number at a time, with the `math` module only); the script fails if the two differ.
"""

import math

import torch

import reference_json

SIZE, STEPS = 12, 8
START = [math.sin(0.3 * i + 0.1) for i in range(SIZE)]


def gradient(params, step):
    """The gradient of step 0, 1, ... at these parameters."""
    return [math.cos(0.2 * i + 0.7 * step) + 0.1 * p for i, p in enumerate(params)]


FORMULAS = {
    "sgd": (
        "d = g + weight_decay * p; at the first step b = d, later b = momentum * b + (1 - dampening) * d; "
        "u = d + momentum * b with nesterov, d without momentum, else b; p = p - lr * u"
    ),
    "adam": (
        "d = g + weight_decay * p; m = beta1 * m + (1 - beta1) * d; v = beta2 * v + (1 - beta2) * d * d; p ="
        " p - lr * (m / (1 - beta1^k)) / (sqrt(v / (1 - beta2^k)) + eps), k = 1, 2, ... the number of the"
        " step"
    ),
    "adamw": "p = p * (1 - lr * weight_decay), then as adam with d = g, the gradient taken before the decay",
}

SGD = {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
ADAM = {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}
CASES = {
    "sgd": ("sgd", 0.1, {}),
    "sgd_momentum": ("sgd", 0.1, {"momentum": 0.9}),
    "sgd_momentum_decay": ("sgd", 0.1, {"momentum": 0.9, "weight_decay": 5e-4}),
    "sgd_nesterov_decay": ("sgd", 0.1, {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}),
    "sgd_nesterov_decay_lr_drop": (
        "sgd",
        [0.1] * 4 + [0.01] * 4,
        {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": True},
    ),
    "adam": ("adam", 1e-2, {}),
    "adam_decay": ("adam", 1e-2, {"weight_decay": 1e-2}),
    "adam_lr_drop": ("adam", [1e-2] * 4 + [1e-3] * 4, {}),
    "adamw": ("adamw", 1e-2, {"weight_decay": 1e-2}),
}


def by_torch(kind, rates, settings):
    """The parameters after each step."""
    params = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimiser = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        [params], lr=rates[0], **settings
    )
    after = []
    for step, rate in enumerate(rates):
        optimiser.param_groups[0]["lr"] = rate
        params.grad = torch.tensor(gradient(params.tolist(), step), dtype=torch.float64)
        optimiser.step()
        after.append(params.tolist())
    return after


def by_formula(kind, rates, settings):
    """The same by the stated formula."""
    update = {"sgd": sgd_update, "adam": adam_update, "adamw": adamw_update}[kind]
    params, states, after = START, [{} for _ in START], []
    for step, rate in enumerate(rates):
        grads = gradient(params, step)
        params = [update(p, g, rate, settings, s) for p, g, s in zip(params, grads, states)]
        after.append(params)
    return after


def sgd_update(p, g, rate, settings, state):
    momentum = settings["momentum"]
    d = g + settings["weight_decay"] * p
    state["b"] = momentum * state["b"] + (1 - settings["dampening"]) * d if "b" in state else d
    if momentum == 0:
        return p - rate * d
    return p - rate * (d + momentum * state["b"] if settings["nesterov"] else state["b"])


def adam_update(p, g, rate, settings, state):
    beta1, beta2 = settings["betas"]
    d = g + settings["weight_decay"] * p
    k = state["k"] = state.get("k", 0) + 1
    m = state["m"] = beta1 * state.get("m", 0.0) + (1 - beta1) * d
    v = state["v"] = beta2 * state.get("v", 0.0) + (1 - beta2) * d * d
    return p - rate * (m / (1 - beta1**k)) / (math.sqrt(v / (1 - beta2**k)) + settings["eps"])


def adamw_update(p, g, rate, settings, state):
    decayed = p * (1 - rate * settings["weight_decay"])
    return adam_update(decayed, g, rate, settings | {"weight_decay": 0.0}, state)


def trajectory(kind, rate, settings):
    rates = rate if isinstance(rate, list) else [rate] * STEPS
    settings = (SGD if kind == "sgd" else ADAM) | settings
    after = by_torch(kind, rates, settings)
    for ours, theirs in zip(by_formula(kind, rates, settings), after):
        assert all(math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-14) for a, b in zip(ours, theirs)), kind
    return {"optimizer": kind, "settings": settings, "learning_rates": rates, "params_after_step": after}


def clipping(max_norm):
    """Gradients of three tensors, clipped by their common L2 norm."""
    shapes = [(3,), (2, 2), (1, 2, 3)]
    before = [
        [(k + 1) * math.sin(0.5 * i + k) for i in range(math.prod(shape))] for k, shape in enumerate(shapes)
    ]
    tensors = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in shapes]
    for tensor, values in zip(tensors, before):
        tensor.grad = torch.tensor(values, dtype=torch.float64).reshape(tensor.shape)
    norm = torch.nn.utils.clip_grad_norm_(tensors, max_norm).item()
    assert math.isclose(norm, math.sqrt(sum(g * g for values in before for g in values)))
    after = [tensor.grad.flatten().tolist() for tensor in tensors]
    return {
        "max_norm": max_norm,
        "shapes": [list(s) for s in shapes],
        "gradients": before,
        "norm": norm,
        "clipped": after,
    }


def main():
    content = {
        "made_by": f"tools/optimizer_reference.py with torch {torch.__version__}, f64",
        "params": "p[i] = sin(0.3 i + 0.1), i = 0..11",
        "gradient": "g[i] = cos(0.2 i + 0.7 t) + 0.1 p[i] at the step t = 0..7, p before that step",
        "formulas": FORMULAS,
        "cases": {name: trajectory(*case) for name, case in CASES.items()},
        "clip_by_global_norm": {
            "formula": (
                "norm = sqrt(sum of squares over all tensors); every g times min(1, max_norm / (norm + 1e-6))"
            ),
            "gradient": "tensor k = 0..2, flat index i: (k + 1) sin(0.5 i + k)",
            "cases": {"clipped": clipping(1.0), "untouched": clipping(50.0)},
        },
    }
    reference_json.write("potstill-optim", "optimizers.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
