"""Boxes, outlines, masks and label maps moved with an image, for potstill-data/src/augment/motion_tests.rs.

    .venv/bin/python tools/joint_augmentation_reference.py

Boxes and nearest pixels are computed by numpy in double precision; torchvision has to agree about the boxes, Pillow about the pixels
wherever one is nearest, torchvision about pictures under a general affine map. Outlines are Shapely's.
"""

import math

import numpy
import PIL
import reference_json
import shapely
import torch
import torchvision
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

HEIGHT, WIDTH = 11, 16
IGNORE = 255
# x1, y1, x2, y2: inside, wide, cut by each edge under some of the maps, one pixel.
BOXES = [[2.5, 1.0, 7.0, 9.5], [0.0, 3.0, 16.0, 6.5], [11.0, 0.0, 16.0, 4.0], [1.0, 8.0, 2.0, 9.0]]
OUTLINES = [
    [[3.0, 1.0], [9.0, 2.5], [8.0, 8.0], [5.5, 4.0], [2.0, 7.0]],
    [[0.0, 0.0], [4.5, 0.0], [0.0, 4.5]],
    [[10.0, 5.0], [15.5, 5.0], [15.5, 10.5], [10.0, 10.5]],
]


def labels():
    """Classes in blocks, stripes and single pixels, with some pixels that have none."""
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    classes = (x // 3 + 2 * (y // 4) + (x * y % 7 == 0)) % 8
    return numpy.where((x + y) % 9 == 0, IGNORE, classes).astype(numpy.uint8)


def picture():
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    return (x * 37 + y * 59 + x * y * 5) % 101 / 101.0


def forward(matrix, points):
    points = numpy.asarray(points, dtype=numpy.float64)
    return points @ matrix[:, :2].T + matrix[:, 2]


def shares(matrix, size):
    """How much of each box is inside: of the box around the moved corners, by areas."""
    found = []
    for x1, y1, x2, y2 in BOXES:
        corners = forward(matrix, [[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        low, high = corners.min(0), corners.max(0)
        inside = numpy.clip(high, 0, size[::-1]) - numpy.clip(low, 0, size[::-1])
        found.append(float(inside.prod() / (high - low).prod()))
    return found


def of_class(matrix, size, label=4):
    """How many of the old pixels with this label are inside."""
    row, column = numpy.nonzero(labels() == label)
    x, y = forward(matrix, numpy.stack([column + 0.5, row + 0.5], 1)).T
    inside = (0 <= x) & (x < size[1]) & (0 <= y) & (y < size[0])
    return float(inside.mean())


def outlines(matrix, size):
    """Area, share and bounds of what is inside of each outline."""
    window = shapely.box(0, 0, size[1], size[0])
    found = []
    for outline in OUTLINES:
        moved = shapely.Polygon(forward(matrix, outline))
        inside = moved.intersection(window)
        bounds = list(inside.bounds) if inside.area > 0 else []
        found.append({"area": inside.area, "share": inside.area / moved.area, "bounds": bounds})
    return found


def rows(array):
    return ["".join("." if value == IGNORE else str(value) for value in row) for row in array.tolist()]


def case(motion, matrix, size, boxes, array):
    matrix = numpy.asarray(matrix, dtype=numpy.float64)
    expected = clamped(matrix, size)
    assert numpy.allclose(numpy.asarray(boxes), expected, atol=1e-5), (motion, boxes, expected)
    return {
        "motion": motion,
        "size": list(size),
        "boxes": expected.tolist(),
        "shares": shares(matrix, size),
        "outlines": outlines(matrix, size),
        "labels": rows(array),
        "share_of_4": of_class(matrix, size),
    }


def clamped(matrix, size):
    """Boxes by arithmetic alone, to hold torchvision to."""
    result = []
    for x1, y1, x2, y2 in BOXES:
        corners = forward(matrix, [[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        low, high = numpy.clip(corners.min(0), 0, size[::-1]), numpy.clip(corners.max(0), 0, size[::-1])
        result.append([*low, *high])
    return numpy.asarray(result)


def tv_boxes():
    return tv_tensors.BoundingBoxes(
        torch.tensor(BOXES, dtype=torch.float64), format="XYXY", canvas_size=(HEIGHT, WIDTH)
    )


def pil(array=None):
    return Image.fromarray(labels() if array is None else array)


def flip():
    boxes = functional.horizontal_flip(tv_boxes()).tolist()
    array = numpy.asarray(pil().transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    return case({"flip": {}}, [[-1, 0, WIDTH], [0, 1, 0]], (HEIGHT, WIDTH), boxes, array)


def shift(down, right, mode):
    pad = max(abs(down), abs(right))
    padded = numpy.pad(labels(), pad, mode=mode, **({"constant_values": IGNORE} if mode == "constant" else {}))
    array = padded[pad + down :, pad + right :][:HEIGHT, :WIDTH]
    boxes = functional.crop(functional.pad(tv_boxes(), [pad]), pad + down, pad + right, HEIGHT, WIDTH).tolist()
    name = {"constant": "zero", "reflect": "reflect"}[mode]
    motion = {"shift": {"down": down, "right": right, "mode": name}}
    return case(motion, [[1, 0, -right], [0, 1, -down]], (HEIGHT, WIDTH), boxes, array)


def cut(top, left, height, width):
    boxes = functional.crop(tv_boxes(), top, left, height, width).tolist()
    array = labels()[top : top + height, left : left + width]
    motion = {"cut": {"window": [top, left, height, width]}}
    return case(motion, [[1, 0, -left], [0, 1, -top]], (height, width), boxes, array)


def scale(top, left, height, width, size):
    boxes = functional.resized_crop(tv_boxes(), top, left, height, width, list(size)).tolist()
    row, column = top + (numpy.arange(size[0]) + 0.5) * height / size[0], left + (numpy.arange(size[1]) + 0.5) * width / size[1]
    array = labels()[numpy.floor(row).astype(int)[:, None], numpy.floor(column).astype(int)]
    # In the middle between two pixels Pillow takes either, as rounding has it.
    window = (left, top, left + width, top + height)
    of_pil = numpy.asarray(pil().resize(size[::-1], Image.Resampling.NEAREST, box=window))
    alone = (row % 1 != 0)[:, None] & (column % 1 != 0)
    assert alone.mean() > 0.5 and (of_pil == array)[alone].all()
    x, y = size[1] / width, size[0] / height
    motion = {"scale": {"window": [top, left, height, width]}}
    return case(motion, [[x, 0, -left * x], [0, y, -top * y]], size, boxes, array)


def affine(degrees, way, factor, shear):
    """Pixel by pixel in double precision: where does the middle of each new pixel come from?"""
    middle = numpy.array([WIDTH / 2, HEIGHT / 2])
    cos, sin, tan = math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), math.tan(math.radians(shear))
    linear = factor * numpy.array([[cos, -sin], [sin, cos]]) @ numpy.array([[1.0, -tan], [0.0, 1.0]])
    matrix = numpy.concatenate([linear, (middle + way - linear @ middle)[:, None]], 1)

    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    new = numpy.stack([x.ravel() + 0.5, y.ravel() + 0.5], 1)
    old = (new - matrix[:, 2]) @ numpy.linalg.inv(linear).T
    column, row = numpy.floor(old).astype(int).T
    assert numpy.abs(old - numpy.round(old)).min() > 1e-6, "a tie: take other numbers"
    inside = (0 <= column) & (column < WIDTH) & (0 <= row) & (row < HEIGHT)
    array = numpy.full(HEIGHT * WIDTH, IGNORE, dtype=numpy.uint8)
    array[inside] = labels()[row[inside], column[inside]]
    array = array.reshape(HEIGHT, WIDTH)

    padded = numpy.pad(picture(), 1)
    left, top = numpy.clip(numpy.floor(old - 0.5), -1, [WIDTH, HEIGHT]).astype(int).T
    padded = numpy.pad(padded, ((0, 1), (0, 1)))
    part = numpy.clip(old - 0.5 - numpy.stack([left, top], 1), 0, 1)
    pixels = sum(
        padded[top + 1 + dy, left + 1 + dx]
        * (part[:, 0] if dx else 1 - part[:, 0])
        * (part[:, 1] if dy else 1 - part[:, 1])
        for dy in (0, 1)
        for dx in (0, 1)
    ).reshape(HEIGHT, WIDTH)

    settings = {"angle": degrees, "translate": list(way), "scale": factor, "shear": [shear, 0.0]}
    image = torch.tensor(picture(), dtype=torch.float64)[None]
    of_torch = functional.affine(image, interpolation=InterpolationMode.BILINEAR, **settings)[0].numpy()
    assert numpy.abs(of_torch - pixels).max() < 1e-6, numpy.abs(of_torch - pixels).max()
    mask = tv_tensors.Mask(torch.tensor(labels() + 0)[None])
    of_torch = functional.affine(mask, fill=IGNORE, **settings)[0].numpy()
    assert (of_torch == array).mean() > 0.99, (of_torch == array).mean()

    boxes = functional.affine(tv_boxes(), **settings).tolist()
    motion = {"affine": {"degrees": degrees, "translate": list(way), "scale": factor, "shear": shear}}
    made = case(motion, matrix, (HEIGHT, WIDTH), boxes, array)
    return {**made, "pixels": pixels.ravel().tolist()}


def main():
    cases = [
        flip(),
        shift(3, -2, "constant"),
        shift(-4, 4, "constant"),
        cut(2, 3, 7, 11),
        scale(0, 0, HEIGHT, WIDTH, (22, 48)),
        scale(0, 0, HEIGHT, WIDTH, (5, 7)),
        scale(1, 4, 9, 8, (12, 12)),
        affine(20.0, (1.25, -0.75), 1.1, 0.0),
        affine(-75.0, (0.0, 2.5), 0.8, 12.0),
        affine(0.0, (5.3, 0.2), 1.0, -25.0),
    ]
    reflected = shift(2, -3, "reflect")
    content = {
        "made_by": (
            f"tools/joint_augmentation_reference.py with torchvision {torchvision.__version__.split('+')[0]},"
            f" Pillow {PIL.__version__}, Shapely {shapely.__version__}, numpy {numpy.__version__}"
        ),
        "input": {"size": [HEIGHT, WIDTH], "boxes": BOXES, "outlines": OUTLINES, "labels": rows(labels())},
        "pixels": picture().ravel().tolist(),
        "cases": cases,
        "reflected": {key: reflected[key] for key in ("motion", "labels")},
    }
    reference_json.write("potstill-data", "joint_augmentation.json", reference_json.significant(content, 9))


if __name__ == "__main__":
    main()
