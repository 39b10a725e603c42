"""Holds a training step of networks in ONNX files to PyTorch's, for networks of torchvision and timm.

    python tools/check_onnx_students.py [NETWORK ...]

Needs: torch, torchvision, timm, onnx, safetensors, and the built example `onnx_student_step` of potstill-models. Each network is exported
as docs/onnx.md says, with fresh weights; PyTorch takes one step on two images with dropout and stochastic depth switched off.
Prints a line for each: the largest differences of logits, gradients (by name) and running statistics from a step in double precision, and
beside them how far PyTorch itself is from that in single precision: where a ReLU stands near its kink, both may be some way off.
"""

import copy
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent
TORCHVISION = ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5", "convnext_tiny",
               "regnet_y_400mf", "densenet121", "squeezenet1_1", "mnasnet0_5", "swin_t"]
TIMM = ["resnet18d", "repvgg_a0", "mobileone_s0", "ghostnet_100", "mobilenetv4_conv_small", "deit_tiny_patch16_224", "starnet_s1",
        "hgnetv2_b0", "lcnet_050", "rexnet_100", "levit_128s", "mobilevit_s", "fastvit_t8", "efficientformer_l1", "poolformer_s12",
        "convnextv2_atto", "inception_next_atto", "resnest14d", "edgenext_xx_small", "nfnet_f0", "repghostnet_050", "gcresnet33ts",
        "maxvit_rmlp_pico_rw_256", "tf_efficientnetv2_b0"]


def built(name):
    if name in TORCHVISION or name not in timm.list_models():
        return torchvision.models.get_model(name, weights=None), 224
    network = timm.create_model(name, pretrained=False)
    return network, network.default_cfg["input_size"][-1]


def switched_off(network):
    """Without what is drawn at random in training."""
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        for name in ("drop_prob", "drop_rate", "p", "attn_drop", "dropout_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return network


@torch.no_grad()
def stirred(network):
    """Fresh weights that differ, so that the exporter merges none, and running statistics that say something."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.dim() == 1:
            tensor.add_(0.05 * torch.rand_like(tensor))
    return network


def step(network, images):
    """One training step: logits, gradients by name, running statistics."""
    network.train()
    logits = network(images)
    if not isinstance(logits, torch.Tensor):
        logits = logits[0]
    gradients = torch.autograd.grad(F.cross_entropy(logits, torch.arange(len(images))), list(network.parameters()), allow_unused=True)
    found = {"training": logits.detach()}
    for (name, parameter), gradient in zip(network.named_parameters(), gradients):
        found[f"gradient/{name}"] = torch.zeros_like(parameter) if gradient is None else gradient
    for name, tensor in network.named_buffers():
        if "running" in name:
            found[f"statistic/{name}"] = tensor.clone()
    return {name: tensor.detach().double() for name, tensor in found.items()}


def record(network, size, path):
    """Writes a step in double precision down. Gives how far single precision is from it, gradients by the largest of all."""
    images = torch.randn(2, 3, size, size)
    switched_off(network)
    single = step(copy.deepcopy(network), images)
    network = network.double()
    with torch.no_grad():
        evaluation = network.eval()(images.double())
    double = step(network, images.double())
    names = [name for name in double if name.startswith("gradient/")]
    largest = max(double[name].abs().max() for name in names)
    off = max((double[name] - single[name]).abs().max() for name in names) / largest
    found = {"images": images, "evaluation": evaluation, **double}
    save_file({name: tensor.float().contiguous() for name, tensor in found.items()}, path)
    return off.item()


def main():
    program = next(ROOT.glob("target/*/examples/onnx_student_step"))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    names = sys.argv[1:] or TORCHVISION + TIMM
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            file, recorded = Path(folder) / "mine.onnx", Path(folder) / "recorded.safetensors"
            torch.manual_seed(0)
            try:
                network, size = built(name)
                network = stirred(network).eval()
                torch.onnx.export(network, torch.zeros(2, 3, size, size), str(file), dynamo=False, opset_version=17,
                                  training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                                  input_names=["images"], dynamic_axes={"images": {0: "n"}})
                off = record(network, size, str(recorded))
            except Exception as error:  # noqa: BLE001
                print(f"{name}: PyTorch fails: {str(error)[:100]}", flush=True)
                continue
            done = subprocess.run([program, file, recorded], capture_output=True, text=True)
            found = done.stdout.strip() or done.stderr.strip()[:400]
            print(f"{name}: {found}; PyTorch's own single precision: gradients {off:.1e}", flush=True)


if __name__ == "__main__":
    main()
