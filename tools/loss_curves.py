"""Lays the losses of Potstill's training steps over PyTorch's, from the same weights and the same images.

    cargo run --release -p potstill-engine --example loss_curve /tmp/curve
    python tools/loss_curves.py /tmp/curve --svg docs/loss-curves.svg

Needs: numpy, safetensors, torch. Reads DIR/start.safetensors and DIR/losses.json, trains the same network in
PyTorch on the same formula's images with the same settings, and prints how far the two curves are apart. Training
magnifies rounding from step to step, so a difference means little by itself: beside it stands that of PyTorch with
itself, computed with the channels first instead of last, which changes nothing but the order of sums.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from networks import build

STEPS, BATCH, IMAGES, CLASSES, RATE = 200, 64, 2048, 10, 0.01
ELEMENTS = 32 * 32 * 3
MARKS = [1, 10, 25, 50, 100, 150, 200]


def drawn(counters):
    """A number in [-1, 1) from each mixed counter, as the example's."""
    bits = (counters.astype(np.uint64) * 0x9E3779B1) & 0xFFFFFFFF
    bits = ((bits ^ (bits >> 15)) * 0x85EBCA77) & 0xFFFFFFFF
    bits ^= bits >> 13
    return (bits >> 16).astype(np.float32) / np.float32(32768) - np.float32(1)


def batch(step, layout):
    numbers = (step * BATCH + np.arange(BATCH)) % IMAGES
    elements = np.arange(ELEMENTS)
    noise = drawn(numbers[:, None] * ELEMENTS + elements)
    pattern = drawn((IMAGES + numbers % CLASSES)[:, None] * ELEMENTS + elements)
    pixels = (noise + np.float32(0.25) * pattern).reshape(BATCH, 32, 32, 3).transpose(0, 3, 1, 2)
    images = torch.from_numpy(np.ascontiguousarray(pixels)).contiguous(memory_format=layout)
    return images, torch.from_numpy(numbers % CLASSES)


def train(model, start, layout):
    network = build(model, CLASSES).to(memory_format=layout).train()
    missing, extra = network.load_state_dict(start, strict=False)
    if extra or any(not name.endswith("num_batches_tracked") for name in missing):
        sys.exit(f"the weights do not fit: missing {missing}, extra {extra}")
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    losses = []
    for step in range(STEPS):
        images, labels = batch(step, layout)
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def apart(a, b, end):
    """The largest difference of the first `end` steps."""
    return max(abs(x - y) for x, y in zip(a[:end], b[:end]))


def svg(curves, title):
    """Lines over one another, the first one broad; a logarithmic axis of the loss."""
    width, height, left, bottom, top = 720, 360, 56, 36, 30
    values = np.log10(np.maximum(np.array([losses for _, _, _, losses in curves]), 1e-4))
    low, high = np.floor(values.min()), np.ceil(values.max())
    x = lambda step: left + (width - left - 12) * step / (STEPS - 1)  # noqa: E731
    y = lambda value: top + (height - bottom - top) * (high - value) / (high - low)  # noqa: E731
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/><text x="{left}" y="18">{title}</text>',
    ]
    for power in np.arange(low, high + 1):
        parts.append(f'<path d="M{left} {y(power):.1f}H{width - 12}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y(power) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for step in range(0, STEPS + 1, 50):
        at = x(min(step, STEPS - 1))
        parts.append(f'<text x="{at:.1f}" y="{height - 16}" text-anchor="middle">{step}</text>')
    for index, ((name, colour, stroke, _), line) in enumerate(zip(curves, values)):
        points = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in enumerate(line))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{stroke}"'
            ' stroke-linejoin="round"/>'
        )
        at = left + 14 + 190 * index
        parts.append(f'<path d="M{at} {height - 4}h22" stroke="{colour}" stroke-width="{stroke}"/>')
        parts.append(f'<text x="{at + 28}" y="{height}" dy="-1">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--svg", type=Path, help="draw the curves there")
    arguments = parser.parse_args()
    recorded = json.loads((arguments.folder / "losses.json").read_text())
    ours, start = recorded["losses"], load_file(arguments.folder / "start.safetensors")
    torch.manual_seed(0)
    theirs = train(recorded["model"], start, torch.channels_last)
    itself = train(recorded["model"], start, torch.contiguous_format)
    print("| steps | loss in PyTorch | Potstill and PyTorch apart, at most | PyTorch and itself, at most |")
    print("|---|---|---|---|")
    for end in MARKS:
        print(
            f"| {end} | {theirs[end - 1]:.4f} | {apart(ours, theirs, end):.1e} | {apart(itself, theirs, end):.1e} |"
        )
    if arguments.svg:
        curves = [
            ("PyTorch", "#f2b8a0", 5, theirs),
            ("Potstill", "#1f4e79", 1.2, ours),
        ]
        title = f"{recorded['model']}: cross-entropy of {STEPS} steps from the same weights and images"
        arguments.svg.write_text(svg(curves, title))


if __name__ == "__main__":
    main()
