"""Which pixels an outline covers, by COCO's own tool, for potstill-data/src/target/rasterise.rs.

    .venv/bin/python tools/polygon_reference.py
"""

import importlib.metadata

import reference_json
from pycocotools import mask

HEIGHT, WIDTH = 8, 12
POLYGONS = {
    "square": [2, 1, 7, 1, 7, 5, 2, 5],
    "square between pixels": [2.5, 1.5, 7.5, 1.5, 7.5, 5.5, 2.5, 5.5],
    "against the clock": [2.5, 5.5, 7.5, 5.5, 7.5, 1.5, 2.5, 1.5],
    "triangle": [1, 1, 10, 2, 4, 7],
    "thin": [1, 1, 9, 1.2, 9, 1.4, 1, 1.3],
    "beyond the edges": [-3, -2, 6, -2, 6, 4, -3, 4],
    "below and right": [8, 5, 15, 4, 14, 11, 7, 9.5],
    "concave": [1, 1, 9, 1, 9, 7, 5, 3, 1, 7],
    "fractions": [1.3, 2.7, 8.6, 1.1, 10.9, 6.4, 3.2, 7.8],
    "crossing itself": [1, 1, 10.4, 6.2, 10.1, 1.7, 2.3, 6.9],
    "a point twice": [3, 2, 3, 2, 9, 2, 9, 6, 3, 6],
}


def main():
    cases = []
    for name, points in POLYGONS.items():
        covered = mask.decode(mask.frPyObjects([[float(v) for v in points]], HEIGHT, WIDTH))[:, :, 0]
        rows = ["".join(str(value) for value in row) for row in covered.tolist()]
        cases.append({"name": name, "points": [list(p) for p in zip(points[::2], points[1::2])], "rows": rows})
    content = {
        "made_by": f"tools/polygon_reference.py with pycocotools {importlib.metadata.version('pycocotools')}",
        "cases": cases,
    }
    reference_json.write("potstill-data", "polygons.json", content)


if __name__ == "__main__":
    main()
