"""Runs exported ONNX files in onnxruntime and holds them to what they should give.

    python tools/check_onnx.py student.onnx --data test.tar [--batch 100]
    python tools/check_onnx.py student.onnx --weights model.safetensors
    python tools/check_onnx.py FOLDER

Needs: onnx, onnxruntime, numpy, pillow, safetensors. Every file goes through the full ONNX checker first.

With `--data`, a tar of CLASS/NAME.jpg or a folder of class folders, the accuracy on its images is printed as
JSON: {"top1": percent, "correct": count, "count": images}. How pixels become input stands in the file's
metadata, or in the `config.json` beside it; images must have the size of the network's.

With `--weights`, the tensors of an exported safetensors file, every one must be an initialiser of the same name, shape
and bits: true of a file that was written with `--keep-norms`.

A FOLDER is what `cargo run --release -p potstill-models --example onnx_table FOLDER` writes: for each network
NAME.onnx and NAME.safetensors with `images` [N, C, H, W] and the `logits` that Potstill computes. The largest
difference of a logit is printed for each, and an exit code of 1 says that one is above 1e-4 of the largest.
"""

import argparse
import io
import json
import sys
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np
import onnx
import onnxruntime
from PIL import Image
from safetensors.numpy import load_file

TOLERANCE = 1e-4
PICTURES = (".jpg", ".jpeg", ".png")


def session(path):
    """The file in onnxruntime on the CPU, after the checker has seen it."""
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def logits_of(running, images):
    return running.run(["logits"], {"images": images})[0]


def what_it_takes(running, path):
    """The network's config, and whether the file takes pixels in 0..1 and does the rest itself."""
    texts = running.get_modelmeta().custom_metadata_map
    if "potstill_config" in texts:
        return json.loads(texts["potstill_config"]), texts.get("potstill_takes") == "pixels"
    return json.loads(path.with_name("config.json").read_text()), False


def read_images(source, class_names):
    """The bytes of every CLASS/NAME.jpg of a tar or a folder, and the number of its class."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in PICTURES:
                yield path.read_bytes(), class_names.index(path.parent.name)
        return
    with tarfile.open(source) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if member.isfile() and name.suffix.lower() in PICTURES:
                yield archive.extractfile(member).read(), class_names.index(name.parent.name)


def as_input(content, config, takes_pixels):
    """An image as the file takes it, `[C, H, W]`."""
    entry = config["input"]
    mode = "L" if entry["channels"] == 1 else "RGB"
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert(mode), np.float32) / 255
    pixels = pixels.reshape(*pixels.shape[:2], entry["channels"])
    if list(pixels.shape[:2]) != entry["size"]:
        raise SystemExit(f"an image is of {pixels.shape[:2]}, the network takes {entry['size']}")
    if not takes_pixels:
        if "low_resolution" in entry:
            raise SystemExit("the images are to be degraded first: export the file with --with-input")
        if entry.get("order") == "bgr":
            pixels = pixels[..., ::-1]
        pixels = (pixels - np.float32(entry["mean"])) / np.float32(entry["std"])
    return pixels.transpose(2, 0, 1)


def accuracy(path, data, batch):
    running = session(path)
    config, takes_pixels = what_it_takes(running, path)
    images, labels = [], []
    for content, label in read_images(data, config["class_names"]):
        images.append(as_input(content, config, takes_pixels))
        labels.append(label)
    if not images:
        raise SystemExit(f"{data} holds no CLASS/NAME.jpg")
    correct = 0
    for start in range(0, len(images), batch):
        part = np.stack(images[start : start + batch]).astype(np.float32)
        found = logits_of(running, part).argmax(1)
        correct += int((found == np.array(labels[start : start + batch])).sum())
    return {"top1": round(100 * correct / len(images), 4), "correct": correct, "count": len(images)}


def check_weights(path, weights):
    """Whether every tensor of the safetensors file stands in the ONNX file as it is."""
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    wrong = [
        name
        for name, values in load_file(weights).items()
        if name not in stored or stored[name].shape != values.shape or (stored[name] != values).any()
    ]
    for name in wrong:
        print(f"{name}: {'other values' if name in stored else 'missing'}")
    print(json.dumps({"tensors": len(load_file(weights)), "wrong": len(wrong)}))
    return not wrong


def compare(folder):
    """Rows of name, largest difference as a share of the largest logit, and megabytes."""
    for path in sorted(folder.glob("*.onnx")):
        recorded = load_file(path.with_suffix(".safetensors"))
        found = logits_of(session(path), recorded["images"])
        expected = recorded["logits"]
        difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        yield path.stem, difference, path.stat().st_size / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", type=Path, help="an ONNX file, or a folder of them with what they give")
    parser.add_argument("--data", type=Path, help="tar or folder of CLASS/NAME.jpg")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--weights", type=Path, help="safetensors file whose tensors the ONNX file must hold")
    arguments = parser.parse_args()
    if arguments.subject.is_dir():
        good = True
        print("| network | largest difference in onnxruntime | MB |\n|---|---|---|")
        for name, difference, size in compare(arguments.subject):
            good &= difference <= TOLERANCE
            print(f"| `{name}` | {difference:.1e} | {size:.1f} |", flush=True)
        sys.exit(not good)
    if arguments.weights:
        sys.exit(not check_weights(arguments.subject, arguments.weights))
    if not arguments.data:
        parser.error("an ONNX file is measured on images (--data) or held to weights (--weights)")
    print(json.dumps(accuracy(arguments.subject, arguments.data, arguments.batch)))


if __name__ == "__main__":
    main()
