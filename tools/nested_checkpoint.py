"""A checkpoint as training scripts write it, very small: in PyTorch's zip form and in its legacy form.

    python tools/nested_checkpoint.py

Needs: torch. Writes: crates/potstill-models/tests/reference/nested.pth and nested-legacy.pth.
"""

from collections import OrderedDict

import torch

from reference_json import ROOT


def main():
    state = OrderedDict()
    state["module.conv1.weight"] = torch.arange(4.0).reshape(2, 2, 1, 1)
    state["module.bn1.running_var"] = torch.tensor([0.5, 2.0])
    state["module.bn1.num_batches_tracked"] = torch.tensor(7)
    checkpoint = {
        "epoch": 3,
        "arch": "resnet20",
        "best_acc": 0.5,
        "state_dict": state,
        "optimizer": {
            "state": {0: {"momentum_buffer": torch.tensor([9.0])}},
            "param_groups": [{"lr": 0.1, "params": [0]}],
        },
    }
    folder = ROOT / "crates" / "potstill-models" / "tests" / "reference"
    for name, zipped in (("nested.pth", True), ("nested-legacy.pth", False)):
        torch.save(checkpoint, folder / name, _use_new_zipfile_serialization=zipped)
        print(f"wrote {name}: {(folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
