"""What torch.autograd.gradcheck says of thirteen published mistakes, all in float64.

Run it with `python tests/check/peers/torch_gradcheck.py`. Each function below is one mistake and returns a function with
its inputs. A line of the output: the mistake, what gradcheck does, and what it does with fast_mode.
"""

import math

import torch
from torch.autograd import Function, gradcheck, gradgradcheck

torch.manual_seed(0)


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def rule(forward, backward):
    """A function with a backward by hand: backward(input, upstream)."""

    class Rule(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, upstream):
            return backward(ctx.saved_tensors[0], upstream)

    return Rule.apply


def upstream_ignored():
    target = torch.randn(3, 4, dtype=torch.float64)
    return rule(lambda p: ((p - target) ** 2).sum() / 6, lambda p, g: (p - target) / 3), [numbers(3, 4)]


def sign_flipped():
    a = torch.tensor([[1.4, 0.3, -0.2], [0.3, 0.9, 0.25], [-0.2, 0.25, 0.7]], dtype=torch.float64)

    def root(x):
        values, vectors = torch.linalg.eigh((x + x.T) / 2)
        return vectors @ values.sqrt().diag() @ vectors.T

    def backward(x, g):
        values, u = torch.linalg.eigh((x + x.T) / 2)
        sums = values.sqrt()[:, None] + values.sqrt()[None, :]
        return -u @ (u.T @ ((g + g.T) / 2) @ u / sums) @ u.T

    return rule(root, backward), [a.requires_grad_()]


def transposed():
    a = torch.tensor([[1.4, 0.3, -0.2], [0.3, 0.9, 0.25], [-0.2, 0.25, 0.7]], dtype=torch.float64)

    def root(x):
        eye = torch.eye(3, dtype=x.dtype)
        y, z = x / x.trace(), eye
        for _ in range(5):
            w = (3 * eye - z @ y) / 2
            y, z = y @ w, w @ z
        return y * x.trace().sqrt()

    def backward(x, g):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(root(x), x, g)[0].T

    return rule(root, backward), [a.requires_grad_()]


def overlap(p, g):
    size = p.sum() + g.sum() + 1
    return (2 * (p * g).sum() + 1) / size, size


MASK = torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=torch.float64)


def wrong_term():
    def backward(p, g):
        d, size = overlap(p, MASK)
        return g * (2 * p * d - 2 * MASK) / size

    return rule(lambda p: 1 - overlap(p, MASK)[0], backward), [torch.rand(3, 4, dtype=torch.float64).requires_grad_()]


def argmax_passed_by():
    def hard(p):
        return (p >= p.amax(0, keepdim=True)).to(p.dtype)

    def backward(p, g):
        d, size = overlap(hard(p), MASK)
        return g * (d - 2 * MASK) / size

    f = rule(lambda p: 1 - overlap(hard(p), MASK)[0], backward)
    return f, [torch.rand(3, 4, dtype=torch.float64).requires_grad_()]


def relu_at_zero():
    return torch.relu, [torch.tensor([0.0, 1.3, -0.8], dtype=torch.float64, requires_grad=True)]


def zero_rule_for_magnitude():
    zero = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    return rule(torch.abs, lambda x, g: g * 0), [zero]


def margin_under_no_grad():
    def logits(cosine):
        with torch.no_grad():
            margin = torch.cos(torch.acos(cosine) + 0.5)
        return 8 * (cosine + (margin - cosine).detach())

    return logits, [torch.tensor([0.62, -0.35, 0.18], dtype=torch.float64, requires_grad=True)]


def clamp_before_the_root():
    own = torch.tensor([1.0, 0, 0], dtype=torch.float64)

    def logits(cosine):
        c = cosine.clamp(-1, 1)
        margin = c * math.cos(0.5) - torch.sqrt(1 - c * c) * math.sin(0.5)
        return own * margin + (1 - own) * c

    return logits, [torch.tensor([0.62, 1.0, 0.18], dtype=torch.float64, requires_grad=True)]


def product_over_the_batch():
    def pooled(x):
        return torch.einsum("npc,npd->cd", x, x).expand(x.shape[0], -1, -1)

    return pooled, [numbers(3, 4, 2)]


def sum_over_images_missing():
    x = torch.randn(3, 2, 2, 3, dtype=torch.float64)
    below = torch.expm1(x.clamp(max=0))

    def elu(alpha):
        return x.relu() + alpha[:, None, None] * below

    return rule(elu, lambda alpha, g: (g * below).sum((2, 3))), [numbers(2)]


def half_precision():
    def sine(x):
        return torch.sin(x.half()).double()

    return rule(sine, lambda x, g: g * torch.cos(x)), [numbers(5)]


def saved_as_a_number():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.twice = 2 * x
            return ctx.twice**2

        @staticmethod
        def backward(ctx, upstream):
            return 4 * ctx.twice * upstream

    return Square.apply, [numbers(4)]


def outcome(check, f, inputs, **options):
    try:
        check(f, inputs, **options)
        return "passes"
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def main():
    print("torch", torch.__version__)
    mistakes = [
        upstream_ignored, sign_flipped, transposed, wrong_term, argmax_passed_by, relu_at_zero,
        zero_rule_for_magnitude, margin_under_no_grad, clamp_before_the_root, product_over_the_batch,
        sum_over_images_missing, half_precision, saved_as_a_number,
    ]
    for mistake in mistakes:
        f, inputs = mistake()
        print(f"{mistake.__name__}\n    gradcheck: {outcome(gradcheck, f, inputs)}")
        print(f"    fast_mode: {outcome(gradcheck, f, inputs, fast_mode=True)}")
    f, inputs = saved_as_a_number()
    print(f"saved_as_a_number\n    gradgradcheck: {outcome(gradgradcheck, f, inputs)}")


if __name__ == "__main__":
    main()
