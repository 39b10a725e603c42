"""Times PyTorch on the training, distillation or inference step that `potstill bench` times.

    python tools/bench_pytorch.py --student cifar_resnet20 --teacher cifar_resnet56 --method kd \\
        --batch 64 --threads 2 --steps 30
    python tools/bench_pytorch.py --infer cifar_resnet20 --batch 64 --threads 2 --steps 30

Names that are not CIFAR's are torchvision's, or timm's where it has no network of that name:

    python tools/bench_pytorch.py --student deit_tiny_patch16_224 --classes 1000 --size 224 --batch 16 --steps 6

Needs: torch, and for such names torchvision or timm. 32-bit floats, channels last, one fixed batch of normalised noise with random labels, so neither
decoding nor augmentation is timed. A step is: teacher forward (evaluation mode, no gradients), student forward,
losses, backward, SGD with Nesterov momentum 0.9 and weight decay 5e-4. Methods: `kd` (cross entropy + soft
targets, T = 4), `review-kd` (cross entropy + 0.6 times the review loss, the fusion modules trained too), none
(cross entropy alone, no teacher).

Choices that a comparison could be bent with, and how they are made here, in PyTorch's favour where in doubt:

* the optimiser is the fused one, which is the fastest on a CPU (`--optimizer loop` for the default);
* no loss is read back and no accuracy is counted, and the images come normalised: Potstill's step does all three;
* the teacher's batch norm runs as eager PyTorch runs it; `--fold` folds it into the convolutions beforehand,
  which is the harder opponent for inference and for a wide teacher;
* OpenMP gets the same number of threads; the allocator and the spinning of idle threads are left as installed.

Prints the median, fastest and slowest step in milliseconds, the CPU time of a step (user + system, all threads,
mean), images per second (at the median) and the peak resident memory of the process, PyTorch itself included;
with `--json` one JSON object with the names of `potstill bench --json`.
"""

import argparse
import json
import os
import resource
import statistics
import time

TEMPERATURE, REVIEW_WEIGHT, WARM_UP = 4.0, 0.6, 5


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--student", default="cifar_resnet20")
    parser.add_argument("--teacher", default="cifar_resnet56")
    parser.add_argument("--method", choices=["kd", "review-kd", "none"], default="none")
    parser.add_argument(
        "--infer", metavar="NAME", help="time this network's forward pass instead of a training step"
    )
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--optimizer", choices=["fused", "loop"], default="fused")
    parser.add_argument("--fold", action="store_true", help="fold the frozen network's batch norms beforehand")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


ARGUMENTS = parse()
# OpenMP reads its environment once, when PyTorch is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(ARGUMENTS.threads)

import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import networks  # noqa: E402
from networks import fold_batch_norms  # noqa: E402
from review_kd import Review, review_loss  # noqa: E402


def build(name, classes):
    """A network without trained weights, channels last."""
    if name.startswith("cifar_"):
        return networks.build(name, classes)
    import torchvision

    if name in torchvision.models.list_models(module=torchvision.models):
        network = torchvision.models.get_model(name, num_classes=classes)
    else:
        import timm

        network = timm.create_model(name, num_classes=classes)
    return network.to(memory_format=torch.channels_last)


def synthetic_batch():
    images = torch.randn(ARGUMENTS.batch, 3, ARGUMENTS.size, ARGUMENTS.size)
    images = images.contiguous(memory_format=torch.channels_last)
    return images, torch.randint(ARGUMENTS.classes, (ARGUMENTS.batch,))


def frozen(name):
    network = build(name, ARGUMENTS.classes).eval().requires_grad_(False)
    if ARGUMENTS.fold:
        with torch.no_grad():
            fold_batch_norms(network, synthetic_batch()[0])
    return network


def training_step(loss, *modules):
    parameters = [parameter for module in modules for parameter in module.parameters()]
    fused = True if ARGUMENTS.optimizer == "fused" else None
    optimiser = torch.optim.SGD(
        parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=fused
    )

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()

    return step


def plain_step():
    student = build(ARGUMENTS.student, ARGUMENTS.classes).train()
    images, labels = synthetic_batch()
    return training_step(lambda: F.cross_entropy(student(images), labels), student)


def kd_step():
    student, teacher = build(ARGUMENTS.student, ARGUMENTS.classes).train(), frozen(ARGUMENTS.teacher)
    images, labels = synthetic_batch()

    def loss():
        with torch.no_grad():
            target = F.softmax(teacher(images) / TEMPERATURE, dim=1)
        logits = student(images)
        soft = F.kl_div(F.log_softmax(logits / TEMPERATURE, dim=1), target, reduction="batchmean")
        return F.cross_entropy(logits, labels) + TEMPERATURE**2 * soft

    return training_step(loss, student)


def review_kd_step():
    student, teacher = build(ARGUMENTS.student, ARGUMENTS.classes).train(), frozen(ARGUMENTS.teacher)
    images, labels = synthetic_batch()
    # Teacher maps before, student maps after the last activation of a stage; the pooled embedding is the last.
    before, after = 0, 1

    def levels(network, side):
        ends, pooled = network.stages(images)
        return [*(end[side] for end in ends), pooled[:, :, None, None]], pooled

    with torch.no_grad():
        channels = [[level.shape[1] for level in levels(network, after)[0]] for network in (student, teacher)]
    review = Review(*channels, mid=min(512, channels[0][-1])).to(memory_format=torch.channels_last).train()

    def loss():
        with torch.no_grad():
            targets, _ = levels(teacher, before)
        features, pooled = levels(student, after)
        review_term = review_loss(review, features, targets)
        return F.cross_entropy(student.classify(pooled), labels) + REVIEW_WEIGHT * review_term

    return training_step(loss, student, review)


def inference_step():
    network = frozen(ARGUMENTS.infer)
    images, _ = synthetic_batch()

    @torch.inference_mode()
    def step():
        network(images)

    return step


def measure(step):
    """Milliseconds of each counted step, and the mean CPU milliseconds of one, after a warm-up."""
    for _ in range(WARM_UP):
        step()
    times, cpu = [], time.process_time()
    for _ in range(ARGUMENTS.steps):
        begin = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - begin))
    return times, 1000 * (time.process_time() - cpu) / ARGUMENTS.steps


def main():
    torch.manual_seed(0)
    torch.set_num_threads(ARGUMENTS.threads)
    make = {"kd": kd_step, "review-kd": review_kd_step, "none": plain_step}[ARGUMENTS.method]
    times, cpu = measure((inference_step if ARGUMENTS.infer else make)())
    median = statistics.median(times)
    result = {
        "version": f"PyTorch {torch.__version__}",
        "isa": torch.backends.cpu.get_cpu_capability().lower(),
        "threads": torch.get_num_threads(),
        "batch": ARGUMENTS.batch,
        "steps": ARGUMENTS.steps,
        "step_ms": {"median": round(median, 3), "min": round(min(times), 3), "max": round(max(times), 3)},
        "cpu_ms": round(cpu, 3),
        "images_per_second": round(1000 * ARGUMENTS.batch / median, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "load_average": os.getloadavg()[0],
    }
    if ARGUMENTS.json:
        print(json.dumps(result))
        return
    ms = result["step_ms"]
    print(
        f"{ms['median']} ms a step ({ms['min']} to {ms['max']}), {result['cpu_ms']} ms of CPU,"
        f" {result['images_per_second']} images/s, at most {result['peak_rss_mb']} MiB"
    )


if __name__ == "__main__":
    main()
