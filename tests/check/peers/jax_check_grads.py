"""What jax.test_util.check_grads says of thirteen published mistakes, all in float64.

Run it with `python tests/check/peers/jax_check_grads.py`. Each function below is one mistake and returns a function with
its inputs. Reverse mode alone is checked, since a custom_vjp has no forward mode.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

jax.config.update("jax_enable_x64", True)
warnings.filterwarnings("ignore")
RANDOM = np.random.default_rng(0)


def numbers(*shape):
    return jnp.asarray(RANDOM.standard_normal(shape))


def rule(forward, backward):
    """A function with a backward by hand: backward(input, upstream)."""
    f = jax.custom_vjp(forward)
    f.defvjp(lambda x: (forward(x), x), lambda x, g: (backward(x, g),))
    return f


MATRIX = jnp.array([[1.4, 0.3, -0.2], [0.3, 0.9, 0.25], [-0.2, 0.25, 0.7]])
MASK = jnp.array([[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]])


def upstream_ignored():
    target = numbers(3, 4)
    return rule(lambda p: ((p - target) ** 2).sum() / 6, lambda p, g: (p - target) / 3), [numbers(3, 4)]


def sign_flipped():
    def root(x):
        values, vectors = jnp.linalg.eigh((x + x.T) / 2)
        return vectors @ jnp.diag(jnp.sqrt(values)) @ vectors.T

    def backward(x, g):
        values, u = jnp.linalg.eigh((x + x.T) / 2)
        sums = jnp.sqrt(values)[:, None] + jnp.sqrt(values)[None, :]
        return -u @ (u.T @ ((g + g.T) / 2) @ u / sums) @ u.T

    return rule(root, backward), [MATRIX]


def transposed():
    def root(x):
        y, z = x / jnp.trace(x), jnp.eye(3)
        for _ in range(5):
            w = (3 * jnp.eye(3) - z @ y) / 2
            y, z = y @ w, w @ z
        return y * jnp.sqrt(jnp.trace(x))

    return rule(root, lambda x, g: jax.vjp(root, x)[1](g)[0].T), [MATRIX]


def overlap(p, g):
    size = p.sum() + g.sum() + 1
    return (2 * (p * g).sum() + 1) / size, size


def wrong_term():
    def backward(p, g):
        d, size = overlap(p, MASK)
        return g * (2 * p * d - 2 * MASK) / size

    return rule(lambda p: 1 - overlap(p, MASK)[0], backward), [jnp.asarray(RANDOM.random((3, 4)))]


def argmax_passed_by():
    def hard(p):
        return (p >= p.max(0, keepdims=True)).astype(p.dtype)

    def backward(p, g):
        d, size = overlap(hard(p), MASK)
        return g * (d - 2 * MASK) / size

    return rule(lambda p: 1 - overlap(hard(p), MASK)[0], backward), [jnp.asarray(RANDOM.random((3, 4)))]


def relu_at_zero():
    return jax.nn.relu, [jnp.array([0.0, 1.3, -0.8])]


def zero_rule_for_magnitude():
    return rule(jnp.abs, lambda x, g: g * 0), [jnp.zeros(2)]


def margin_under_no_grad():
    def logits(cosine):
        margin = jnp.cos(jnp.arccos(cosine) + 0.5)
        return 8 * (cosine + jax.lax.stop_gradient(margin - cosine))

    return logits, [jnp.array([0.62, -0.35, 0.18])]


def clamp_before_the_root():
    own = jnp.array([1.0, 0, 0])

    def logits(cosine):
        c = jnp.clip(cosine, -1, 1)
        margin = c * jnp.cos(0.5) - jnp.sqrt(1 - c * c) * jnp.sin(0.5)
        return own * margin + (1 - own) * c

    return logits, [jnp.array([0.62, 1.0, 0.18])]


def product_over_the_batch():
    def pooled(x):
        return jnp.broadcast_to(jnp.einsum("npc,npd->cd", x, x), (x.shape[0], 2, 2))

    return pooled, [numbers(3, 4, 2)]


def sum_over_images_missing():
    x = numbers(3, 2, 2, 3)
    below = jnp.expm1(jnp.minimum(x, 0))

    def elu(alpha):
        return jax.nn.relu(x) + alpha[:, None, None] * below

    return rule(elu, lambda alpha, g: (g * below).sum((2, 3))), [numbers(2)]


def half_precision():
    def sine(x):
        return jnp.sin(x.astype(jnp.float16)).astype(jnp.float64)

    return rule(sine, lambda x, g: g * jnp.cos(x)), [numbers(5)]


def saved_as_a_number():
    return rule(lambda x: (2 * x) ** 2, lambda x, g: 4 * jax.lax.stop_gradient(2 * x) * g), [numbers(4)]


def outcome(f, inputs, order):
    try:
        check_grads(f, inputs, order=order, modes=["rev"])
        return "passes"
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0]}"


def main():
    print("jax", jax.__version__)
    mistakes = [
        upstream_ignored, sign_flipped, transposed, wrong_term, argmax_passed_by, relu_at_zero,
        zero_rule_for_magnitude, margin_under_no_grad, clamp_before_the_root, product_over_the_batch,
        sum_over_images_missing, half_precision, saved_as_a_number,
    ]
    for mistake in mistakes:
        f, inputs = mistake()
        print(f"{mistake.__name__}\n    order 1: {outcome(f, inputs, 1)}")
    f, inputs = saved_as_a_number()
    print(f"saved_as_a_number\n    order 2: {outcome(f, inputs, 2)}")


if __name__ == "__main__":
    main()
