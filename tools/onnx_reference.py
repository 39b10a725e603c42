"""Small ONNX files made by PyTorch, and what PyTorch itself computes with the same networks.

    python tools/onnx_reference.py

Needs: torch, onnx, onnxscript. Writes: crates/potstill-onnx/tests/reference/*.onnx and onnx.json.

Weights and images are formulas of index, so the files are the same each time. The reference values are those of the PyTorch
modules, not of the exported files.
"""

import math
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn
from torch.nn import functional as F

import reference_json

FOLDER = reference_json.ROOT / "crates" / "potstill-onnx" / "tests" / "reference"


class Small(nn.Module):
    """Two convolutions with ReLU, global pooling, a classifier; the maps and the pooled embedding are kept."""

    def __init__(self, probabilities=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(6, 10)
        self.probabilities = probabilities

    def forward(self, x):
        first = F.relu(self.bn1(self.conv1(x)))
        before = self.conv2(first)
        pooled = F.relu(before).mean([2, 3])
        logits = self.fc(pooled)
        self.seen = {"first": first, "before": before, "pooled": pooled, "logits": logits}
        return logits.softmax(1) if self.probabilities else logits


class Tokens(nn.Module):
    """Patches as tokens behind a class token, one layer norm and one linear layer, as a transformer has them."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 4, stride=4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 4))
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(x.shape[0], -1, -1), tokens], 1)
        tokens = self.norm(tokens)
        logits = self.head(tokens[:, 0] + tokens[:, 1:].mean(1))
        self.seen = {"tokens": tokens, "logits": logits}
        return logits


@torch.no_grad()
def filled(network):
    """Every tensor as sin of its place, the variances positive."""
    for k, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        if tensor.is_floating_point():
            w = torch.sin(torch.arange(tensor.numel(), dtype=torch.float64) * 1.7 + k).reshape(tensor.shape)
            scale = math.sqrt(2 / max(1, math.prod(tensor.shape[1:]))) if tensor.dim() > 1 else 0.5
            tensor.copy_(1 + w**2 if name.endswith(("running_var", "norm.weight", "bn1.weight")) else scale * w)
    return network.eval()


def images(count, channels, size):
    """`sin(0.9 i)` by flat index i over [N, C, H, W]."""
    shape = (count, channels, size, size)
    return torch.sin(0.9 * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape).float()


def export(network, name, shape, dynamic, dynamo=False):
    path = FOLDER / name
    given = torch.zeros(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(
                network, (given,), path, dynamo=True, external_data=False, optimize=True, verbose=False,
                input_names=["images"], output_names=["logits"], dynamic_shapes=({0: "batch"},),
            )
        else:
            axes = {"images": {0: "n", 2: "h", 3: "w"}, "logits": {0: "n"}} if dynamic else None
            torch.onnx.export(
                network, (given,), path, dynamo=False, opset_version=17,
                input_names=["images"], output_names=["logits"], dynamic_axes=axes,
            )
    slim(path)


def slim(path):
    """Takes source-code traces out: they hold paths of this machine and most of the bytes."""
    model = onnx.load(path)
    del model.metadata_props[:]
    for part in (model.graph.node, model.graph.initializer, model.graph.value_info, model.graph.input,
                 model.graph.output):
        for item in part:
            item.doc_string = ""
            del item.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, path)
    print(f"wrote {path.relative_to(reference_json.ROOT)}: {path.stat().st_size} bytes")


def by_hand(name, operator, domain, shape, inputs=1):
    """A file with one operator, for what PyTorch would not write."""
    taken = [helper.make_tensor_value_info(f"images{i or ''}", TensorProto.FLOAT, shape) for i in range(inputs)]
    given = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])
    node = helper.make_node(operator, [value.name for value in taken], ["logits"], domain=domain)
    graph = helper.make_graph([node], name, taken, [given])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("potstill.test", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, producer_name="potstill"), FOLDER / name)


@torch.no_grad()
def recorded(network, given):
    network(given)
    return {name: {"shape": list(value.shape), "values": value.flatten()} for name, value in network.seen.items()}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    small, tokens = filled(Small()), filled(Tokens())
    export(small, "small.onnx", (2, 3, 8, 8), True)
    export(small, "fixed.onnx", (2, 3, 8, 8), False)
    export(small, "dynamo.onnx", (2, 3, 8, 8), True, dynamo=True)
    export(filled(Small(True)), "probabilities.onnx", (2, 3, 8, 8), True)
    export(tokens, "tokens.onnx", (2, 3, 8, 8), False)
    by_hand("unknown_operator.onnx", "Frobnicate", "potstill.test", ["n", 3, 8, 8])
    by_hand("channels_last.onnx", "Identity", "", ["n", 8, 8, 3])
    by_hand("two_inputs.onnx", "Add", "", ["n", 3, 8, 8], inputs=2)
    by_hand("no_logits.onnx", "Relu", "", ["n", 3, 8, 8])
    content = {
        "made_by": f"tools/onnx_reference.py with torch {torch.__version__}, f32; maps in (N, C, H, W) order",
        "images": "[N, C, H, W]: sin(0.9 i) by flat index i",
        "small": {"parameters": sum(p.numel() for p in small.parameters()), "of_3_images_8x8": recorded(small, images(3, 3, 8))},
        "tokens": {"parameters": sum(p.numel() for p in tokens.parameters()), "of_2_images_8x8": recorded(tokens, images(2, 3, 8))},
    }
    reference_json.write("potstill-onnx", "onnx.json", reference_json.significant(content, 7))


if __name__ == "__main__":
    main()
