"""Times PyTorch on the distillation step, or on inference, that Potstill's own benchmark times.

    python tools/bench_pytorch.py --student cifar_resnet20 --teacher cifar_resnet56 --method kd \\
        --batch 64 --threads 2 --steps 50
    python tools/bench_pytorch.py --infer cifar_resnet20 --batch 64 --threads 2 --steps 50

Needs: torch. Data are synthetic (one fixed random batch), so neither decoding nor augmentation is timed.
32-bit floats, channels last; the teacher in evaluation mode without gradients; SGD with Nesterov momentum
0.9 and weight decay 5e-4. A step is: teacher forward, student forward, losses, backward, optimiser.
Methods: `kd` (cross entropy + soft targets, T = 4), `review-kd` (cross entropy + 0.6 times the review loss,
the fusion modules trained too), `none` (cross entropy alone, no teacher).

Prints the median, fastest and slowest step in milliseconds, images per second (at the median) and the peak
resident memory of the process, PyTorch itself included; with `--json` as one JSON object.
"""

import argparse
import json
import resource
import statistics
import time

import torch
from torch.nn import functional as F

from cifar_resnet import CifarResNet, published_option
from review_kd import Review, review_loss

TEMPERATURE, REVIEW_WEIGHT, WARM_UP = 4.0, 0.6, 5


def network(name, classes):
    return CifarResNet(name, classes, published_option(name)).to(memory_format=torch.channels_last)


def synthetic_batch(size, classes):
    images = torch.randn(size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    return images, torch.randint(classes, (size,))


def levels(ends, pooled):
    """Stage ends and the pooled embedding, as ReviewKD takes them."""
    return [*ends, pooled[:, :, None, None]]


def sgd(*modules):
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)


def plain_step(arguments):
    student = network(arguments.student, arguments.classes).train()
    images, labels = synthetic_batch(arguments.batch, arguments.classes)
    return training_step(sgd(student), lambda: F.cross_entropy(student(images), labels))


def kd_step(arguments):
    student, teacher = network(arguments.student, arguments.classes).train(), frozen(arguments)
    images, labels = synthetic_batch(arguments.batch, arguments.classes)

    def loss():
        with torch.no_grad():
            target = F.softmax(teacher(images) / TEMPERATURE, dim=1)
        logits = student(images)
        soft = F.kl_div(F.log_softmax(logits / TEMPERATURE, dim=1), target, reduction="batchmean")
        return F.cross_entropy(logits, labels) + TEMPERATURE**2 * soft

    return training_step(sgd(student), loss)


def review_kd_step(arguments):
    student, teacher = network(arguments.student, arguments.classes).train(), frozen(arguments)
    images, labels = synthetic_batch(arguments.batch, arguments.classes)
    channels = [
        [level.shape[1] for level in levels(*model.features(images[:2]))] for model in (student, teacher)
    ]
    review = Review(*channels, mid=min(512, channels[0][-1])).to(memory_format=torch.channels_last).train()

    def loss():
        with torch.no_grad():
            targets = levels(*teacher.features(images))
        ends, pooled = student.features(images)
        features = levels([F.relu(end) for end in ends], pooled)
        return F.cross_entropy(student.classify(pooled), labels) + REVIEW_WEIGHT * review_loss(
            review, features, targets
        )

    return training_step(sgd(student, review), loss)


def frozen(arguments):
    return network(arguments.teacher, arguments.classes).eval().requires_grad_(False)


def training_step(optimiser, loss):
    def step():
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()

    return step


def inference_step(arguments):
    model = network(arguments.infer, arguments.classes).eval()
    images, _ = synthetic_batch(arguments.batch, arguments.classes)

    @torch.inference_mode()
    def step():
        model(images)

    return step


def measure(step, count):
    """Milliseconds of each of `count` steps, after a warm-up."""
    times = []
    for _ in range(WARM_UP + count):
        begin = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - begin))
    return times[WARM_UP:]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--student", default="cifar_resnet20")
    parser.add_argument("--teacher", default="cifar_resnet56")
    parser.add_argument("--method", choices=["kd", "review-kd", "none"], default="kd")
    parser.add_argument(
        "--infer", metavar="NAME", help="time this network's forward pass instead of a training step"
    )
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    make = {"kd": kd_step, "review-kd": review_kd_step, "none": plain_step}[arguments.method]
    times = measure((inference_step if arguments.infer else make)(arguments), arguments.steps)
    median = statistics.median(times)
    result = {
        "step_ms": {"median": round(median, 3), "min": round(min(times), 3), "max": round(max(times), 3)},
        "images_per_second": round(1000 * arguments.batch / median, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "torch": torch.__version__,
    }
    if arguments.json:
        print(json.dumps(result))
        return
    ms = result["step_ms"]
    print(
        f"{ms['median']} ms ({ms['min']} to {ms['max']}), {result['images_per_second']} images/s,"
        f" {result['peak_rss_mb']} MB"
    )


if __name__ == "__main__":
    main()
