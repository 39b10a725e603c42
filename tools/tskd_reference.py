"""Recomputes the test vectors of TSKD's specification and compares them with its printed tables.

    python tools/tskd_reference.py

Needs: torch. Writes: crates/potstill-methods/tests/reference/tskd.json (9 digits) and
crates/potstill-methods/tests/reference/conv_lstm.json. Fails where a number differs from the table's six digits.
Everything is computed in f64 by PyTorch's functions, in [N, C, H, W].

"ar(shape, f)" fills a tensor in row-major order with f(i), i = 0, 1, 2, ...
"""

import math

import torch
from torch.nn import functional as F

import reference_json

SLOPE = 0.2


def ar(shape, f):
    return torch.tensor([f(i) for i in range(math.prod(shape))], dtype=torch.float64).reshape(shape)


def check(what, computed, printed):
    """Fails unless every number agrees with the table's to its sixth digit."""
    computed = torch.as_tensor(computed, dtype=torch.float64).flatten().tolist()
    for ours, theirs in zip(computed, printed, strict=True):
        unit = 10.0 ** (math.floor(math.log10(abs(theirs))) - 5)
        assert abs(ours - theirs) <= 0.51 * unit, f"{what}: {ours} is not {theirs}"
    print(f"pass  {what}")


# --- the modules --------------------------------------------------------------------------------------------------


def cell(x, hidden, memory, weight, bias, peepholes=(0.0, 0.0, 0.0)):
    """One step of the Conv-LSTM: gates input, forget, candidate, output."""
    zi, zf, zg, zo = F.conv2d(torch.cat([x, hidden], 1), weight, bias, padding=1).chunk(4, 1)
    wi, wf, wo = peepholes
    i, f = torch.sigmoid(zi + wi * memory), torch.sigmoid(zf + wf * memory)
    memory = f * memory + i * torch.tanh(zg)
    return torch.sigmoid(zo + wo * memory) * torch.tanh(memory), memory


def forecast(sequence, layers):
    """`(hidden, memory)` of the encoder, hidden of the forecaster, and the forecast."""
    shrink, encoder, forecaster, enlarge, refine, head = layers
    channels = encoder[0].shape[0] // 4
    state = None
    for x in sequence:
        e = F.leaky_relu(F.conv2d(x, *shrink, stride=2, padding=1), SLOPE)
        zeros = torch.zeros(e.shape[0], channels, *e.shape[2:], dtype=e.dtype)
        state = cell(e, *(state or (zeros, zeros)), *encoder)
    hidden, memory = cell(torch.zeros_like(state[0]), *state, *forecaster)
    y = F.leaky_relu(F.conv_transpose2d(hidden, *enlarge, stride=2, padding=1), SLOPE)
    y = F.leaky_relu(F.conv2d(y, *refine, padding=1), SLOPE)
    h, w = sequence[0].shape[2:]
    return state, hidden, F.conv2d(y, *head)[..., :h, :w]


def small_layers():
    """The six layers of the small network, by formula."""
    shapes = [(2, 1, 3, 3), (8, 4, 3, 3), (8, 4, 3, 3), (2, 2, 4, 4), (2, 2, 3, 3), (1, 2, 1, 1)]

    def layer(k, shape):
        outputs = shape[1] if k == 4 else shape[0]
        return ar(shape, lambda i: math.sin(0.7 * i + k)), ar((outputs,), lambda i: 0.1 * math.cos(i + k))

    return [layer(k, shape) for k, shape in enumerate(shapes, 1)]


def attention(feature, norm="column"):
    energy = feature.square().mean(1, keepdim=True)
    squares = energy.square().sum(2 if norm == "column" else (2, 3), keepdim=True)
    return energy / squares.sqrt().clamp_min(1e-12)


# --- V2 and V3: the Conv-LSTM -------------------------------------------------------------------------------------


def cell_section():
    x, hidden = ar((1, 2, 4, 4), lambda i: math.sin(0.1 * i)), ar((1, 2, 4, 4), lambda i: math.cos(0.1 * i))
    memory = ar((1, 2, 4, 4), lambda i: math.sin(0.2 * i + 1))
    weight, bias = ar((8, 4, 3, 3), lambda i: 0.2 * math.sin(0.3 * i)), ar((8,), lambda i: 0.05 * i - 0.175)
    plain = cell(x, hidden, memory, weight, bias)
    check("V2 h' ch0", plain[0][0, 0, 0], [0.203557, 0.216383, 0.228795, 0.234367])
    check("V2 h' ch1, last row", plain[0][0, 1, 3], [0.0545337, 0.160111, 0.236668, 0.237185])
    check("V2 c' ch0", plain[1][0, 0, 0], [0.36564, 0.367056, 0.387309, 0.403764])
    check("V2 sums", [part.sum() for part in plain], [-3.66954, -5.82912])
    zeros = torch.zeros_like(hidden)
    start = cell(x, zeros, zeros, weight, bias)
    numbers = [start[0].sum(), start[1].sum(), start[0][0, 0, 0, 0], start[0][0, 1, 3, 3]]
    check("V2 zero start", numbers, [1.54512, 4.67972, -0.0241093, -0.105145])
    peeping = cell(x, hidden, memory, weight, bias, (0.1, -0.2, 0.3))
    h, c = peeping
    numbers = [h.sum(), c.sum(), h[0, 0, 0, 0], c[0, 0, 0, 0], h[0, 1, 3, 3]]
    check("V2 peepholes", numbers, [-3.5559, -6.49746, 0.192451, 0.329445, 0.233139])
    # Peepholes that differ from place to place, so that a mistaken layout shows.
    waves = [ar((1, 2, 4, 4), lambda i, p=p: 0.3 * math.sin(0.9 * i + p)) for p in range(3)]
    waving = cell(x, hidden, memory, weight, bias, waves)
    return {
        name: {"hidden": pair[0], "cell": pair[1]}
        for name, pair in [("plain", plain), ("zero_start", start), ("peepholes", peeping), ("waves", waving)]
    }


def forecaster_section():
    sequence = ar((3, 1, 1, 4, 4), lambda i: abs(math.sin(0.1 * i)))
    (hidden, memory), stepped, out = forecast(sequence, small_layers())
    check(
        "V3 hh_3",
        hidden,
        [7.66038e-05, -0.000556386, -0.00220716, 0.532333, 0.00146597, 0.000139785, -0.0389159, 0.48933],
    )
    check(
        "V3 cc_3",
        memory,
        [0.000647331, -0.00817336, -0.00567373, 0.823291, 0.0119568, 0.00219431, -0.117779, 0.78679],
    )
    check(
        "V3 forecaster h",
        stepped,
        [0.171991, 0.332003, 0.176541, 0.153424, 0.131256, 0.314774, 0.136023, 0.158805],
    )
    check("V3 P, first row", out[0, 0, 0], [0.0946518, 0.095158, 0.0964615, 0.114122])
    check("V3 P, last row", out[0, 0, 3], [0.146003, 0.158424, 0.157671, 0.148137])
    odd = ar((2, 2, 1, 5, 3), lambda i: abs(math.cos(0.3 * i)))
    return {
        "hidden": hidden,
        "cell": memory,
        "step": stepped,
        "forecast": out,
        "odd": forecast(odd, small_layers())[2],
    }


# --- V1 and V4 to V7: the method ----------------------------------------------------------------------------------


def attention_section():
    feature = ar((1, 2, 4, 4), lambda i: math.sin(0.1 * i))
    column, whole = attention(feature), attention(feature, "full")
    check("V1 column", column[0, 0, 0], [0.508524, 0.506051, 0.503322, 0.500451])
    check("V1 column, last", column[0, 0, 3], [0.499244, 0.502138, 0.504941, 0.507533])
    check("V1 full map", whole[0, 0, 0], [0.254421, 0.252948, 0.251544, 0.250262])
    teacher = ar((1, 2, 8, 8), lambda i: math.cos(0.05 * i))
    pooled = attention(F.adaptive_avg_pool2d(teacher, 4))
    check("V6 right", pooled[0, 0, 0], [0.751635, 0.705302, 0.647746, 0.58102])
    wrong = F.adaptive_avg_pool2d(attention(teacher), 4)
    check("V6 wrong", wrong[0, 0, 0], [0.512842, 0.482698, 0.445134, 0.401524])
    # Not square, two images, so that rows and columns cannot be taken for one another.
    oblong = attention(ar((2, 3, 3, 5), lambda i: math.sin(0.7 * i)))
    return {"column": column, "full_map": whole, "oblong": oblong, "pooled_teacher": pooled}


def tap(step, shift):
    return ar((1, 2, 4, 4), lambda i: math.sin(step * i + shift))


def review(student, norm="column", detach_target=False, detach_current=False):
    maps = [attention(tap(0.10 + 0.01 * k, 0.1 * k), norm) for k in range(3)]
    now = attention(student, norm)
    target = (now - attention(ar((1, 3, 4, 4), lambda i: math.cos(0.1 * i)), norm)).abs()
    sequence = maps + [now.detach() if detach_current else now]
    increments = [(b - a).abs() for a, b in zip(sequence, sequence[1:])]
    out = forecast(increments, small_layers())[2]
    loss = (out - (target.detach() if detach_target else target)).square().mean()
    return increments, out, target, loss


GRADIENTS = {
    "default": ({}, [0.0789051, -0.00831853, -0.0144219, -0.00754031]),
    "current_detached": ({"detach_current": True}, [0.0740025, -0.00843839, -0.014213, -0.00535462]),
    "target_detached": ({"detach_target": True}, [0.00772783, 0.000119858, -0.000208959, -0.00218569]),
}


def review_section():
    increments, out, target, loss = review(tap(0.13, 0.3))
    check("V4 D1", increments[0][0, 0, 0], [0.0103123, 0.0112088, 0.0321077, 0.0508823])
    check("V4 D2", increments[1][0, 0, 0], [0.08213, 0.103555, 0.115433, 0.11787])
    check("V4 D3", increments[2][0, 0, 0], [0.146257, 0.137022, 0.118323, 0.0936632])
    check("V4 P", out[0, 0, 0], [0.123374, 0.132622, 0.137863, 0.134627])
    check("V4 Y", target[0, 0, 0], [0.320642, 0.374409, 0.40542, 0.414858])
    check("V4 loss", loss, [0.0313502])
    full = review(tap(0.13, 0.3), "full")[3]
    check("V5 loss", full, [0.00298359])
    gradients = {}
    for case, (options, printed) in GRADIENTS.items():
        student = tap(0.13, 0.3).requires_grad_()
        review(student, **options)[3].backward()
        g = student.grad
        check(f"V4 gradient {case}", [g.norm(), g[0, 0, 0, 0], g[0, 1, 3, 3], g[0, 0, 2, 1]], printed)
        gradients[case] = g
    return {
        "increments": torch.stack(increments),
        "forecast": out,
        "target": target,
        "loss": loss,
        "full_map_loss": full,
        "gradients": gradients,
    }


def rectangle_section():
    """A review of odd rectangles, two images, beside a larger teacher whose sides are no multiples: maps of a detector."""
    shape = (2, 2, 5, 7)
    remembered = [ar(shape, lambda i, k=k: math.sin((0.10 + 0.01 * k) * i + 0.1 * k)) for k in range(3)]
    student = ar(shape, lambda i: math.sin(0.13 * i + 0.3)).requires_grad_()
    teacher = F.adaptive_avg_pool2d(ar((2, 3, 9, 13), lambda i: math.cos(0.1 * i)), (5, 7))
    maps = [attention(feature) for feature in [*remembered, student]]
    out = forecast([(b - a).abs() for a, b in zip(maps, maps[1:])], small_layers())[2]
    loss = (out - (maps[3] - attention(teacher)).abs()).square().mean()
    loss.backward()
    return {"forecast": out, "loss": loss, "gradient": student.grad}


def logit_section():
    student = ar((2, 5), lambda i: math.sin(0.5 * i)).requires_grad_()
    teacher, labels = ar((2, 5), lambda i: 2 * math.cos(0.3 * i)), torch.tensor([1, 3])

    def kl(tau):
        log_q = F.log_softmax(student / tau, 1)
        return tau * tau * F.kl_div(log_q, F.softmax(teacher / tau, 1), reduction="batchmean")

    ce = F.cross_entropy(student, labels)
    total = ce + kl(4.0)
    total.backward()
    check("V7", [ce, kl(4.0), kl(1.0), total], [2.05069, 0.154925, 0.139303, 2.20562])
    check("V7 gradient", student.grad[0], [-0.0611968, -0.477738, 0.120914, 0.196787, 0.221234])
    return {"kl_at_4": kl(4.0), "kl_at_1": kl(1.0), "total": total, "gradient": student.grad}


def schedule_section(epochs=240, interval=5):
    nodes = {e: e // interval % 4 for e in range(0, epochs, interval)}
    reviews = [e for e, n in nodes.items() if n == 3]
    assert reviews == list(range(15, 240, 20)) and len(nodes) - len(reviews) == 36
    assert max(e for e, n in nodes.items() if n == 0) == 220
    return {
        "reviews": reviews,
        "memory": [[e for e, n in nodes.items() if n == slot] for slot in range(3)],
        "general": epochs - len(nodes),
    }


def main():
    made_by = f"tools/tskd_reference.py with torch {torch.__version__}, f64"
    lstm = {"made_by": made_by, "cell": cell_section(), "forecaster": forecaster_section()}
    reference_json.write("potstill-methods", "conv_lstm.json", reference_json.significant(lstm, 9))
    method = {
        "made_by": made_by,
        "attention": attention_section(),
        "review": review_section(),
        "rectangles": rectangle_section(),
        "logits": logit_section(),
        "schedule": schedule_section(),
    }
    reference_json.write("potstill-methods", "tskd.json", reference_json.significant(method, 9))


if __name__ == "__main__":
    main()
