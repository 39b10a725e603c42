"""MobileNetV1 as the ImageNet tables of distillation papers use it (Howard et al. 2017, table 1).

The layout and the state-dict names (`model.0.0.weight` ... `fc.weight`) are those of the network that the ImageNet benchmarks of
CRD, ReviewKD and mdistiller share: plain ReLU, no bias in convolutions. timm has the same shape with ReLU6 and other names;
`python tools/mobilenet_v1.py` holds the two together with ReLU6 in place of ReLU.
"""

import torch
from torch import nn

# (outputs, stride) of the depthwise-separable blocks behind the stem.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


class MobileNetV1(nn.Module):
    def __init__(self, activation=nn.ReLU):
        super().__init__()
        layers = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), activation())]
        inputs = 32
        for outputs, stride in BLOCKS:
            layers.append(
                nn.Sequential(
                    nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
                    nn.BatchNorm2d(inputs),
                    activation(),
                    nn.Conv2d(inputs, outputs, 1, bias=False),
                    nn.BatchNorm2d(outputs),
                    activation(),
                )
            )
            inputs = outputs
        self.model = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, 1000)

    def forward(self, x):
        return self.fc(self.model(x).mean([2, 3]))


@torch.no_grad()
def compare_with_timm():
    import timm

    theirs = timm.create_model("mobilenetv1_100", pretrained=False).eval()
    ours = MobileNetV1(nn.ReLU6).eval()
    values = [value for value in theirs.state_dict().values() if value.is_floating_point()]
    for own, value in zip([v for v in ours.state_dict().values() if v.is_floating_point()], values, strict=True):
        own.copy_(value)
    images = torch.randn(2, 3, 96, 96)
    print("largest difference from timm's mobilenetv1_100:", (ours(images) - theirs(images)).abs().max().item())


if __name__ == "__main__":
    compare_with_timm()
