"""Pillow's results of the classic operations, for potstill-data/tests/pil_ops.rs.

    .venv/bin/python tools/pil_ops_reference.py
"""

import math

import PIL
import reference_json
from PIL import Image, ImageEnhance, ImageOps

HEIGHT, WIDTH = 24, 32


def picture(width=WIDTH, height=HEIGHT):
    """Every tone, edges, and channels that differ."""
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            value = [(7 * x + 5 * y + 60 * c + 9 * (x * y % (11 + c))) % 256 for c in range(3)]
            image.putpixel((x, y), tuple(value))
    return image


def dull():
    """Few tones, so that equalizing has much to do; the blue channel has one only."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            image.putpixel((x, y), (100 + (x * y) % 17, 30 + (x + y) % 3 * (x % 2), 77))
    return image


def affine(image, matrix):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=0)


def operations():
    """Name, strength and function, with the strengths of the published tables and some beyond them."""
    factors = sorted({1 + sign * 0.1 * k for k in range(10) for sign in (1, -1)} | {0.0, 2.5})
    enhance = {"brightness": "Brightness", "colour": "Color", "contrast": "Contrast", "sharpness": "Sharpness"}
    for name, kind in enhance.items():
        for factor in factors:
            yield name, factor, lambda i, k=kind, f=factor: getattr(ImageEnhance, k)(i).enhance(f)
    for bits in range(1, 9):
        yield "posterize", bits, lambda i, b=bits: ImageOps.posterize(i, b)
    for k in range(10):
        threshold = 255 - k * 255 / 9
        yield "solarize", threshold, lambda i, t=threshold: ImageOps.solarize(i, t)
    for k in range(-9, 10):
        shear = k * 0.3 / 9
        yield "shear-x", shear, lambda i, s=shear: affine(i, (1, s, 0, 0, 1, 0))
        yield "shear-y", shear, lambda i, s=shear: affine(i, (1, 0, 0, s, 1, 0))
        degrees = k * 30 / 9
        yield "rotate", degrees, lambda i, d=degrees: i.rotate(d, Image.Resampling.NEAREST, fillcolor=0)
    for k in range(10):
        for pixels in {math.trunc(sign * k * 150 / 331 * WIDTH / 9) for sign in (1, -1)}:
            yield "translate-x", pixels, lambda i, p=pixels: affine(i, (1, 0, -p, 0, 1, 0))
            yield "translate-y", pixels, lambda i, p=pixels: affine(i, (1, 0, 0, 0, 1, -p))
    yield "equalize", 0, ImageOps.equalize
    yield "invert", 0, ImageOps.invert


def seen(image):
    """Enough of a picture to tell it from any other that is likely."""
    values = image.tobytes()
    return [sum(values), sum((i + 1) * v for i, v in enumerate(values)), *values[96 * 7 + 9 : 96 * 7 + 15]]


def main():
    cases = []
    for name, strength, operate in operations():
        cases.append({"name": name, "strength": strength, "seen": seen(operate(picture()))})
    content = {
        "made_by": (
            f"tools/pil_ops_reference.py with Pillow {PIL.__version__}; seen: the sum of the bytes (HWC), the sum of"
            " (i + 1) * byte i, then bytes 681 to 686"
        ),
        "size": [HEIGHT, WIDTH],
        "cases": cases,
        "dull": {"equalize": seen(ImageOps.equalize(dull()))},
        "few_pixels": {"equalize": list(ImageOps.equalize(picture(9, 5)).tobytes())},
    }
    reference_json.write("potstill-data", "pil_ops.json", content)


if __name__ == "__main__":
    main()
