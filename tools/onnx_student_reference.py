"""Small networks as ONNX files that train, and what one training step of PyTorch makes of them.

    python tools/onnx_student_reference.py [NETWORK ...]

Without names all networks are written. Needs: torch, onnx, onnxscript. Writes: crates/potstill-models/tests/reference/onnx_student/*.onnx and onnx_student.json.

Each network has one of the patterns that are found in files. It is exported as a student is to be (`NAME.onnx`: evaluation mode,
batch norms and names kept), and a few in the other ways that exporters have (`NAME.C.onnx` in training mode, `NAME.E.onnx` by the
newer exporter; `NAME.A.onnx` and `NAME.D.onnx` folded by either). Weights and images are formulas of index. The reference values are
those of the PyTorch modules in training mode, in double precision where a ReLU stands near its kink: logits, the gradients of cross
entropy, and the running statistics after two steps. Of each gradient g three numbers are kept: the sums of g sin(0.37 i) and of
g cos(0.61 i) by flat index i, and the largest |g|.
"""

import json
import math
import sys
import warnings

import onnx
import torch
from torch import nn
from torch.nn import functional as F

import reference_json

FOLDER = reference_json.ROOT / "crates" / "potstill-models" / "tests" / "reference" / "onnx_student"
SIZE, COUNT, CLASSES = 16, 4, 5


class ConvNormAct(nn.Sequential):
    def __init__(self, i, o, kernel=3, stride=1, groups=1, act=nn.ReLU):
        layers = [nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
        super().__init__(*layers, *([act()] if act else []))


class Basic(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Residual(nn.Module):
    """Convolution, batch norm, addition and ReLU; max pooling; Gemm."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8, momentum=0.2, eps=1e-3)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = Basic(8, 8, 1)
        self.layer2 = Basic(8, 12, 2)
        self.fc = nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(self.layer2(self.layer1(x)), 1), 1))


class Inverted(nn.Module):
    """ReLU6, depthwise convolutions, additions without an activation, dropout."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 8, 3, 2, act=nn.ReLU6)
        self.expand = ConvNormAct(8, 16, 1, act=nn.ReLU6)
        self.depth = ConvNormAct(16, 16, 3, groups=16, act=nn.ReLU6)
        self.project = ConvNormAct(16, 8, 1, act=None)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, CLASSES))

    def forward(self, x):
        x = self.stem(x)
        x = x + self.project(self.depth(self.expand(x)))
        return self.classifier(x.mean([2, 3]))


class Gated(nn.Module):
    """SiLU, squeeze and excitation by Sigmoid."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 8, 3, 2, act=nn.SiLU)
        self.reduce = nn.Conv2d(8, 4, 1)
        self.widen = nn.Conv2d(4, 8, 1)
        self.last = ConvNormAct(8, 12, 1, act=nn.SiLU)
        self.fc = nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        gate = self.widen(F.silu(self.reduce(F.adaptive_avg_pool2d(x, 1))))
        x = self.last(x * torch.sigmoid(gate))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Hard(nn.Module):
    """Hard swish, and squeeze and excitation by HardSigmoid; a max pool that rounds up; Tanh, LeakyReLU, Hardtanh."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 8, 3, 2, act=nn.Hardswish)
        self.reduce = nn.Conv2d(8, 4, 1)
        self.widen = nn.Conv2d(4, 8, 1)
        self.leaky = ConvNormAct(8, 8, act=lambda: nn.LeakyReLU(0.1))
        self.bounded = ConvNormAct(8, 8, act=lambda: nn.Hardtanh(-1.0, 0.5))
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 3, 2, ceil_mode=True)
        gate = F.hardsigmoid(self.widen(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))
        x = self.bounded(self.leaky(x * gate))
        return self.fc(torch.tanh(F.adaptive_avg_pool2d(x, 1)).flatten(1))


class Shuffled(nn.Module):
    """Channel split, concatenation and shuffle; an average pool that leaves the border out."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 8, 3, 2)
        self.branch = nn.Sequential(ConvNormAct(4, 4, 1), ConvNormAct(4, 4, 3, groups=4, act=None), ConvNormAct(4, 4, 1))
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.avg_pool2d(self.stem(x), 3, 2, 1, count_include_pad=False)
        a, b = x.chunk(2, dim=1)
        x = torch.cat([a, self.branch(b)], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.fc(x.mean([2, 3]))


class Dense(nn.Module):
    """Batch norm and ReLU before the convolution, features concatenated, average pooling, a batch norm of an embedding."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 4, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 8, 1, bias=False)
        self.last = nn.BatchNorm1d(8)
        self.classifier = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.conv0(x)
        x = torch.cat([x, self.conv1(F.relu(self.norm1(x)))], 1)
        x = F.avg_pool2d(self.conv2(F.relu(self.norm2(x))), 2, 2)
        return self.classifier(self.last(F.adaptive_avg_pool2d(x, 1).flatten(1)))


class ConvNext(nn.Module):
    """Layer norms and linear layers on maps with their channels last, GELU, a scale for each channel."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.norm0 = nn.LayerNorm(8, eps=1e-6)
        self.dwconv = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.pwconv1 = nn.Linear(8, 16)
        self.pwconv2 = nn.Linear(16, 8)
        self.gamma = nn.Parameter(torch.ones(8))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.norm0(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(x.mean([-2, -1]))


class Tokens(nn.Module):
    """A class token, learned places, attention of two heads, an MLP."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, 8))
        self.norm1, self.norm2, self.norm = nn.LayerNorm(8), nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.proj = nn.Linear(8, 8)
        self.fc1, self.fc2 = nn.Linear(8, 16), nn.Linear(16, 8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        n, t, c = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attention = (q * (c // 2) ** -0.5 @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.proj((attention @ v).transpose(1, 2).reshape(n, t, c))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return self.head(self.norm(x)[:, 0])


class Windows(nn.Module):
    """Attention in shifted windows with a table of relative places, and patches merged."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(9, 2))
        place = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")).flatten(1)
        offset = (place[:, :, None] - place[:, None, :] + 1).permute(1, 2, 0)
        self.register_buffer("relative_position_index", (offset[..., 0] * 3 + offset[..., 1]).flatten())
        self.proj = nn.Linear(8, 8)
        self.reduction = nn.Linear(32, 12, bias=False)
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        y = torch.roll(self.norm(x), (-1, -1), (1, 2))
        y = y.view(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
        q, k, v = self.qkv(y).reshape(-1, 4, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.relative_position_bias_table[self.relative_position_index].view(4, 4, -1).permute(2, 0, 1)
        attention = F.softmax(q @ k.transpose(-2, -1) / 2.0 + bias.unsqueeze(0), -1)
        y = self.proj((attention @ v).transpose(1, 2).reshape(-1, 4, c))
        y = y.view(n, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        x = x + torch.roll(y, (1, 1), (1, 2))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.head(self.reduction(x).mean([1, 2]))


class Padded(nn.Module):
    """Padding on two sides, resizing in both ways, group norm, features of length one."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(2, 8)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(F.pad(x, (0, 1, 0, 1)))))
        small = F.avg_pool2d(x, 3, 2, ceil_mode=True, count_include_pad=False)
        x = x - F.interpolate(small, scale_factor=2, mode="nearest")
        x = F.relu(self.norm2(self.conv2(x)))
        x = x + F.interpolate(small, size=(8, 8), mode="bilinear", align_corners=False)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.fc(4.0 * F.normalize(x, dim=1))


class Squeezed(nn.Module):
    """A classifier that is a convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.expand1 = nn.Conv2d(4, 8, 1)
        self.expand3 = nn.Conv2d(4, 8, 3, padding=1)
        self.last = nn.Conv2d(16, 16, 1)
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(16, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 3, 2)
        x = F.relu(self.squeeze(x))
        x = torch.cat([F.relu(self.expand1(x)), F.relu(self.expand3(x))], 1)
        return torch.flatten(self.classifier(F.relu(self.last(x))), 1)


class Branches(nn.Module):
    """Three branches with batch norms of their own, added."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 8, 3, 2)
        self.large = ConvNormAct(8, 8, 3, act=None)
        self.small = ConvNormAct(8, 8, 1, act=None)
        self.identity = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(self.large(x) + self.small(x) + self.identity(x))
        return self.fc(x.mean([2, 3]))


class Blurred(nn.Module):
    """A constant filter behind reflected borders, attention of channels by a convolution of rows, a power that trains."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNormAct(3, 8, 3)
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", (row[:, None] * row[None]).repeat(8, 1, 1, 1), persistent=False)
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.last = ConvNormAct(8, 12, 1, act=nn.SELU)
        self.p = nn.Parameter(torch.tensor([3.0]))
        self.fc = nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=8)
        y = self.conv(x.mean((2, 3)).view(x.shape[0], 1, -1))
        x = x * y.sigmoid().view(x.shape[0], -1, 1, 1).expand_as(x)
        x = self.last(x).clamp(min=1e-3).pow(self.p)
        return self.fc(F.adaptive_avg_pool2d(x, 1).pow(1.0 / self.p).flatten(1))


class Plain(nn.Module):
    """Norms without scale, without shift and without both; a scale of one number, the larger and the smaller of two maps."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8, affine=False)
        self.conv2 = nn.Conv2d(8, 8, 1)
        self.norm1 = nn.LayerNorm(8, bias=False)
        self.norm2 = nn.LayerNorm(8, elementwise_affine=False)
        self.scale = nn.Parameter(torch.ones(1))
        self.last = nn.BatchNorm1d(8, affine=False, eps=0.1)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.mish(self.bn1(self.conv1(x)))
        y = self.norm1(self.conv2(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        z = self.norm2(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = torch.maximum(x, self.scale * y) + torch.minimum(y, z)
        return self.fc(self.last(F.adaptive_max_pool2d(x, 1).flatten(1)))


NETWORKS = {
    "residual": Residual, "inverted": Inverted, "gated": Gated, "hard": Hard, "shuffled": Shuffled, "dense": Dense,
    "convnext": ConvNext, "tokens": Tokens, "windows": Windows, "padded": Padded, "squeezed": Squeezed, "branches": Branches,
    "blurred": Blurred, "plain": Plain,
}
ALSO_TRAINING = ["residual", "inverted"]
ALSO_NEWER = ["residual", "inverted", "gated", "shuffled", "convnext", "tokens", "padded", "plain"]
ALSO_FOLDED = ["residual", "inverted"]


@torch.no_grad()
def filled(network):
    """Every tensor as sin of its place, the variances positive, the scales of norms near one."""
    norms = {name for name, m in network.named_modules() if isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm))}
    for k, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        if not tensor.is_floating_point() or name == "p":
            continue
        w = torch.sin(torch.arange(tensor.numel(), dtype=torch.float64) * 1.7 + k).reshape(tensor.shape)
        module, _, kind = name.rpartition(".")
        if kind == "running_var" or (kind == "weight" and module in norms):
            w = 1 + 0.3 * w
        elif tensor.dim() > 1:
            w = w * math.sqrt(2 / max(1, math.prod(tensor.shape[1:])))
        else:
            w = 0.3 * w
        tensor.copy_(w)
    return network


def images(count, step):
    """`sin(0.9 i + step)` by flat index i over [N, C, H, W]."""
    shape = (count, 3, SIZE, SIZE)
    return torch.sin(0.9 * torch.arange(math.prod(shape), dtype=torch.float64) + step).reshape(shape)


def slim(path):
    """Takes source-code traces out: they hold paths of this machine and most of the bytes. Paths of modules stay."""
    model = onnx.load(path)
    del model.metadata_props[:]
    graph = model.graph
    del graph.value_info[:], graph.metadata_props[:]
    for part in (graph.node, graph.initializer, graph.input, graph.output):
        for item in part:
            item.doc_string = ""
            kept = [(p.key, p.value) for p in item.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
            del item.metadata_props[:]
            for key, value in kept:
                item.metadata_props.add(key=key, value=value)
    del model.functions[:]
    onnx.save(model, path)
    print(f"wrote {path.relative_to(reference_json.ROOT)}: {path.stat().st_size} bytes")


def export(network, name, way):
    path = FOLDER / (f"{name}.onnx" if way == "B" else f"{name}.{way}.onnx")
    given = torch.zeros(2, 3, SIZE, SIZE)
    network.train(way == "C")
    names = {"input_names": ["images"], "output_names": ["logits"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if way in "DE":
            torch.onnx.export(network, (given,), path, dynamo=True, optimize=way == "D", external_data=False, verbose=False,
                              dynamic_shapes=({0: torch.export.Dim("batch")},), **names)
        else:
            mode = torch.onnx.TrainingMode
            kept = {} if way == "A" else {"do_constant_folding": False, "training": mode.TRAINING if way == "C" else mode.PRESERVE}
            torch.onnx.export(network, (given,), path, dynamo=False, opset_version=17,
                              dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}}, **kept, **names)
    slim(path)


def projections(tensor):
    flat = tensor.detach().double().flatten()
    place = torch.arange(flat.numel(), dtype=torch.float64)
    return [(flat * torch.sin(0.37 * place)).sum().item(), (flat * torch.cos(0.61 * place)).sum().item(), flat.abs().max().item()]


def recorded(network):
    """Two training passes of a network without its dropout, and what it says in evaluation before them."""
    network = network.double()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    names = [name for name, _ in network.named_parameters()]
    before = network.eval()(images(COUNT, 0))
    network.train()
    logits = network(images(COUNT, 0))
    loss = F.cross_entropy(logits, torch.arange(COUNT) % CLASSES)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    network(images(COUNT, 1))
    statistics = {name: projections(tensor) for name, tensor in network.state_dict().items() if "running" in name}
    return {
        "state": {name: list(tensor.shape) for name, tensor in network.state_dict().items() if tensor.is_floating_point()},
        "evaluation": before.flatten(),
        "training": logits.flatten(),
        "gradients": {name: projections(gradient) for name, gradient in zip(names, gradients)},
        "statistics": statistics,
    }


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    content = {
        "made_by": f"tools/onnx_student_reference.py with torch {torch.__version__}, f64; images [{COUNT}, 3, {SIZE}, {SIZE}]: sin(0.9 i + step)",
        "of_a_tensor": "sums of sin(0.37 i) and cos(0.61 i) over it, and the largest number without its sign",
    }
    path = FOLDER.parent / "onnx_student.json"
    if sys.argv[1:]:
        content = json.loads(path.read_text()) | content
    for name, make in NETWORKS.items():
        if name not in (sys.argv[1:] or NETWORKS):
            continue
        ways = ["B"] + ["C"] * (name in ALSO_TRAINING) + ["E"] * (name in ALSO_NEWER) + ["A", "D"] * (name in ALSO_FOLDED)
        for way in ways:
            export(filled(make()), name, way)
        content[name] = recorded(filled(make()))
    if not sys.argv[1:]:
        torch.manual_seed(0)
        # All scales are one and all shifts zero: the exporter merges them.
        export(Residual(), "fresh", "B")
    reference_json.write("potstill-models", "onnx_student.json", reference_json.significant(content, 8))


if __name__ == "__main__":
    main()
