"""What torchvision's evaluation transforms make of a picture, for potstill-data/tests/preprocess.rs.

    .venv/bin/python tools/preprocess_reference.py

`Resize(int)` and `CenterCrop` of a Pillow image are Pillow's `resize` and `crop`; the sizes and corners below are torchvision's
formulas (`_compute_resized_output_size`, `center_crop`), written down so that this needs Pillow alone.
"""

import PIL
import reference_json
from PIL import Image
from pil_ops_reference import picture

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def resize_shorter(image, size, interpolation):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(size * long / short)
    new = (size, new_long) if width <= height else (new_long, size)
    return image.resize(new, FILTERS[interpolation])


def centre_crop(image, size):
    width, height = image.size
    top = int(round((height - size) / 2.0))
    left = int(round((width - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def main():
    cases = []
    for height, width in [(30, 47), (47, 30), (9, 7), (24, 24)]:
        for shorter, crop in [(13, 10), (20, 11), (11, 11)]:
            for interpolation in FILTERS:
                resized = resize_shorter(picture(width, height), shorter, interpolation)
                cropped = centre_crop(resized, crop)
                cases.append(
                    {
                        "size": [height, width],
                        "shorter": shorter,
                        "crop": crop,
                        "interpolation": interpolation,
                        "resized": [resized.height, resized.width],
                        "bytes": list(cropped.tobytes()),
                    }
                )
    made_by = f"tools/preprocess_reference.py with Pillow {PIL.__version__}; bytes are HWC"
    reference_json.write("potstill-data", "preprocess.json", {"made_by": made_by, "cases": cases})


if __name__ == "__main__":
    main()
