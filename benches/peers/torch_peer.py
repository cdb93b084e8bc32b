"""Times arcface and cnn in PyTorch on the CPU: python torch_peer.py arcface|cnn [--threads 2] [--compile]

What the works do stands at the top of examples/peers/arcface.rs and examples/peers/cnn.rs.
"""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn

from common import fill, measure

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["arcface", "cnn"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--compile", action="store_true", help="with torch.compile, too")
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)


def numbers(seed, shape, scale):
    return torch.from_numpy(fill(seed, shape, scale))


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


def run(variant, compiled, channels_last=False):
    if arguments.work == "arcface":
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
    measure(name, step, *steps)


for compiled in [False, True] if arguments.compile else [False]:
    name = "compiled" if compiled else "eager"
    run(name, compiled)
    if arguments.work == "cnn":
        run(f"{name}_channels_last", compiled, channels_last=True)
