"""Loads an exported student into an independent PyTorch network and measures its accuracy.

    python tools/check_export.py runs/NAME/student --data test.tar
    python tools/check_export.py --teachers TEACHER_FOLDER [--data test.tar]

Needs: torch, numpy, safetensors, pillow. Reads `config.json` and `model.safetensors` of the folder; the tar
holds CLASS/NNNN.jpg. Prints {"top1": percent, "correct": count, "count": images} as JSON.

The network of tools/cifar_resnet.py takes the weights with `strict=True`: a missing, extra or misshaped
tensor is an error. The shortcut is the config's `shortcut` if it has one, else what the tensors' names say.

With `--teachers` the script checks itself: the published CIFAR-10 checkpoints (`*.th`) of the folder must
give the ramp logits that its `expected.json` records, and with `--data` the recorded number of correct
images.
"""

import argparse
import json
import sys
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from cifar_resnet import CifarResNet

TEACHER_INPUT = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def load_export(folder):
    """The network in evaluation mode, its class names, and its input's mean and standard deviation."""
    config = json.loads((folder / "config.json").read_text())
    state = load_file(folder / "model.safetensors")
    projects = any(".shortcut." in name or ".downsample." in name for name in state)
    option = config.get("shortcut", "b" if projects else "a").lower()
    network = CifarResNet(config["architecture"], config["classes"], option)
    network.load_state_dict(state, strict=True)
    return network.eval(), config["class_names"], (config["input"]["mean"], config["input"]["std"])


def read_images(path, class_names):
    """Every CLASS/NNNN.jpg of the tar as `[N, 32, 32, 3]` bytes, and its label."""
    images, labels = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if not member.isfile() or name.suffix.lower() not in (".jpg", ".jpeg", ".png"):
                continue
            images.append(np.asarray(Image.open(archive.extractfile(member)).convert("RGB")))
            labels.append(class_names.index(name.parent.name))
    if not images:
        raise SystemExit(f"{path} holds no CLASS/NNNN.jpg")
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


def normalise(values, mean, std):
    """`[N, H, W, 3]` in 0..1 to `[N, 3, H, W]`."""
    return ((values - torch.tensor(mean)) / torch.tensor(std)).permute(0, 3, 1, 2)


@torch.inference_mode()
def accuracy(network, images, labels, mean_std, batch=500):
    correct = 0
    for part, wanted in zip(images.split(batch), labels.split(batch)):
        logits = network(normalise(part.float() / 255, *mean_std))
        correct += (logits.argmax(1) == wanted).sum().item()
    return {"top1": round(100 * correct / len(labels), 4), "correct": correct, "count": len(labels)}


def load_teacher(path):
    """A published checkpoint: `resnet20-12fca82f.th` is a ResNet-20, its keys prefixed with `module.`."""
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = CifarResNet("cifar_" + path.name.split("-")[0], 10, "a")
    network.load_state_dict(
        {name.removeprefix("module."): tensor for name, tensor in state.items()}, strict=True
    )
    return network.eval()


@torch.inference_mode()
def check_teachers(folder, data):
    expected = json.loads((folder / "expected.json").read_text())
    y, x, c = torch.meshgrid(torch.arange(32), torch.arange(32), torch.arange(3), indexing="ij")
    ramp = normalise(((c * 7 + y * 3 + x * 5) % 256)[None] / 255, *TEACHER_INPUT)
    images = read_images(data, expected["class_order"]) if data else None
    good = True
    for name, recorded in expected["models"].items():
        network = load_teacher(folder / name)
        difference = (network(ramp)[0] - torch.tensor(recorded["ramp_logits"])).abs().max().item()
        result = {"file": name, "largest_logit_difference": difference}
        good &= difference < 1e-3
        if images:
            result |= accuracy(network, *images, TEACHER_INPUT)
            result["correct_recorded"] = sum(recorded["test_jpeg_correct_per_class"])
            good &= abs(result["correct"] - result["correct_recorded"]) <= 2
        print(json.dumps(result))
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, nargs="?", help="folder with config.json and model.safetensors")
    parser.add_argument("--data", type=Path, help="tar of CLASS/NNNN.jpg")
    parser.add_argument(
        "--teachers", type=Path, help="check this script with the published checkpoints in this folder"
    )
    arguments = parser.parse_args()
    if arguments.teachers:
        sys.exit(not check_teachers(arguments.teachers, arguments.data))
    if not (arguments.export and arguments.data):
        parser.error("give an export folder and --data, or --teachers")
    network, class_names, mean_std = load_export(arguments.export)
    print(json.dumps(accuracy(network, *read_images(arguments.data, class_names), mean_std)))


if __name__ == "__main__":
    main()
