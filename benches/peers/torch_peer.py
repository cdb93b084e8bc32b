"""Times the works in PyTorch on the CPU: python torch_peer.py elu|mlp|arcface|cnn [--threads 2] [--compile]

What a work does stands at the top of its file in examples/peers.
"""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn

from common import fill, measure

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["elu", "mlp", "arcface", "cnn"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--compile", action="store_true", help="with torch.compile, too")
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)


def numbers(seed, shape, scale):
    return torch.from_numpy(fill(seed, shape, scale))


class EluRule(torch.autograd.Function):
    """ELU with a slope for each channel and its derivative by hand."""

    @staticmethod
    def forward(ctx, x, alpha):
        z = torch.where(x > 0, x, alpha * torch.expm1(x.clamp_max(0)))
        ctx.save_for_backward(x, alpha, z)
        return z

    @staticmethod
    def backward(ctx, dz):
        x, alpha, z = ctx.saved_tensors
        dx = dz * torch.where(x > 0, 1.0, alpha + z)
        return dx, (dz * torch.expm1(x.clamp_max(0))).sum((0, 2, 3), keepdim=True)


class Elu(nn.Module):
    def __init__(self, by_hand):
        super().__init__()
        conv, head = nn.Conv2d(1, 20, 5), nn.Linear(11520, 10)
        with torch.no_grad():
            conv.weight.copy_(numbers(1, (20, 1, 5, 5), 0.2))
            head.weight.copy_(numbers(3, (10, 11520), 0.01))
            conv.bias.zero_()
            head.bias.zero_()
        self.conv, self.norm, self.head = conv, nn.BatchNorm2d(20), head
        self.alpha = nn.Parameter(((numbers(2, (20,), 1.0) + 1) / 2).reshape(1, 20, 1, 1))
        self.by_hand = by_hand

    def forward(self, x, labels):
        x = self.norm(self.conv(x))
        if self.by_hand:
            x = EluRule.apply(x, self.alpha)
        else:
            x = torch.where(x > 0, x, self.alpha * torch.expm1(x.clamp_max(0)))
        return F.cross_entropy(self.head(x.flatten(1)), labels)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(2, 16, 0.7), (16, 16, 0.25), (16, 1, 0.25)]
        layers = [nn.Linear(inputs, outputs) for inputs, outputs, _ in sizes]
        with torch.no_grad():
            for seed, (layer, (inputs, outputs, scale)) in enumerate(zip(layers, sizes), 1):
                layer.weight.copy_(numbers(seed, (outputs, inputs), scale))
                layer.bias.zero_()
        self.net = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])

    def forward(self, x, target):
        return F.mse_loss(self.net(x), target)


class ArcFace(nn.Module):
    """The loss of embeddings, as it is usually written: cos(t + m) from the cosine, and a threshold."""

    def __init__(self, scale=64.0, margin=0.5):
        super().__init__()
        self.weight = nn.Parameter(numbers(2, (1000, 512), 1.0))
        self.scale, self.margin = scale, margin

    def forward(self, x, labels):
        m = self.margin
        cosine = F.linear(F.normalize(x), F.normalize(self.weight))
        own = cosine.gather(1, labels[:, None])
        sine = (1 - own * own).clamp_min(1e-9).sqrt()
        lower = own * math.cos(m) - sine * math.sin(m)
        lower = torch.where(own > math.cos(math.pi - m), lower, own - m * math.sin(m))
        return F.cross_entropy(cosine.scatter(1, labels[:, None], lower) * self.scale, labels)


def block(seed, c_in, c_out, scale):
    conv = nn.Conv2d(c_in, c_out, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(numbers(seed, (c_out, c_in, 3, 3), scale))
        conv.bias.zero_()
    return [conv, nn.BatchNorm2d(c_out), nn.ReLU()]


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        head = nn.Linear(2048, 10)
        with torch.no_grad():
            head.weight.copy_(numbers(5, (10, 2048), 0.02))
            head.bias.zero_()
        self.net = nn.Sequential(
            *block(1, 3, 16, 0.3), *block(2, 16, 16, 0.15), nn.MaxPool2d(2),
            *block(3, 16, 32, 0.15), *block(4, 32, 32, 0.1), nn.MaxPool2d(2),
            nn.Flatten(), head,
        )  # fmt: skip

    def forward(self, x, labels):
        return F.cross_entropy(self.net(x), labels)


def run(variant, compiled, channels_last=False, by_hand=False):
    unit, digits = "ms", 4
    if arguments.work == "elu":
        model, x, labels = Elu(by_hand), numbers(4, (128, 1, 28, 28), 1.0), torch.arange(128) * 7 % 10
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        steps, digits = (20, 200), 6
    elif arguments.work == "mlp":
        model, x = Mlp(), numbers(4, (32, 2), 1.0)
        labels = x[:, :1] * x[:, 1:]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        steps, unit, digits = (1000, 5000), "us", 6
    elif arguments.work == "arcface":
        model, x, labels = ArcFace(), numbers(1, (128, 512), 1.0).requires_grad_(), torch.arange(128) * 37 % 1000
        optimizer = torch.optim.SGD([x, model.weight], lr=1.0)
        steps = (20, 200)
    else:
        model, x, labels = Cnn(), numbers(6, (64, 3, 32, 32), 1.0), torch.arange(64) * 7 % 10
        if channels_last:
            model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        steps = (10, 100)
    loss_of = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    name = f"torch {torch.__version__} {arguments.work} {variant} threads {arguments.threads}"
    measure(name, step, *steps, unit=unit, digits=digits)


for compiled in [False, True] if arguments.compile else [False]:
    name = "compiled" if compiled else "eager"
    run(name, compiled)
    if arguments.work == "elu":
        run(f"{name}_by_hand", compiled, by_hand=True)
    if arguments.work == "cnn":
        run(f"{name}_channels_last", compiled, channels_last=True)
