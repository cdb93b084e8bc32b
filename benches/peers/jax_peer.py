"""Times the works in JAX on the CPU: python jax_peer.py elu|mlp|arcface|cnn

The whole step is compiled, and its buffers are donated. JAX uses as many threads as the process has cores: start it
under `taskset -c 0,1` for two. What a work does stands at the top of its file in examples/peers.
"""

import math
import os
import sys
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from common import fill, measure

LABELS_ARCFACE = jnp.arange(128) * 37 % 1000
LABELS_CNN = jnp.arange(64) * 7 % 10


def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def elu_tape(x, alpha):
    return jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0)))


@jax.custom_vjp
def elu_by_hand(x, alpha):
    return elu_tape(x, alpha)


def elu_forward(x, alpha):
    z = elu_tape(x, alpha)
    return z, (x, alpha, z)


def elu_backward(saved, dz):
    x, alpha, z = saved
    dalpha = (dz * jnp.expm1(jnp.minimum(x, 0))).sum((0, 2, 3), keepdims=True)
    return dz * jnp.where(x > 0, 1.0, alpha + z), dalpha


elu_by_hand.defvjp(elu_forward, elu_backward)


def elu(variant, activation):
    def loss_of(p, running, x, labels):
        x = lax.conv_general_dilated(x, p["conv"], (1, 1), "VALID") + p["bias"].reshape(1, -1, 1, 1)
        mean = x.mean((0, 2, 3), keepdims=True)
        var = ((x - mean) ** 2).mean((0, 2, 3), keepdims=True)
        n = x.size // mean.size
        running = 0.9 * running[0] + 0.1 * mean, 0.9 * running[1] + 0.1 * var * n / (n - 1)
        x = activation((x - mean) * (p["gamma"] * lax.rsqrt(var + 1e-5)) + p["beta"], p["alpha"])
        return cross_entropy(x.reshape(128, -1) @ p["head"].T + p["out"], labels), running

    @partial(jax.jit, donate_argnums=0)
    def update(state, x, labels):
        p, velocity, running = state
        (loss, running), gradients = jax.value_and_grad(loss_of, has_aux=True)(p, running, x, labels)
        velocity = jax.tree.map(lambda v, g, w: 0.9 * v + g + 1e-4 * w, velocity, gradients, p)
        return (jax.tree.map(lambda w, v: w - 0.01 * v, p, velocity), velocity, running), loss

    channels = (1, 20, 1, 1)
    p = dict(
        conv=jnp.asarray(fill(1, (20, 1, 5, 5), 0.2)), bias=jnp.zeros(20), gamma=jnp.ones(channels),
        beta=jnp.zeros(channels), alpha=(jnp.asarray(fill(2, channels, 1.0)) + 1) / 2,
        head=jnp.asarray(fill(3, (10, 11520), 0.01)), out=jnp.zeros(10),
    )  # fmt: skip
    state = p, jax.tree.map(jnp.zeros_like, p), (jnp.zeros(channels), jnp.ones(channels))
    x, labels = jnp.asarray(fill(4, (128, 1, 28, 28), 1.0)), jnp.arange(128) * 7 % 10
    run("elu", variant, lambda s: update(s, x, labels), state, (20, 200), digits=6)


def mlp(variant, together):
    def loss_of(p, x, target):
        for w, b in p[:-1]:
            x = jnp.tanh(x @ w.T + b)
        return ((x @ p[-1][0].T + p[-1][1] - target) ** 2).mean()

    def update(p, _, x, target):
        loss, gradients = jax.value_and_grad(loss_of)(p, x, target)
        return jax.tree.map(lambda w, g: w - 0.05 * g, p, gradients), loss

    @partial(jax.jit, donate_argnums=0)
    def updates(p, x, target):
        if together == 1:
            return update(p, None, x, target)
        p, losses = lax.scan(partial(update, x=x, target=target), p, length=together)
        return p, losses[3]

    sizes = [(16, 2, 0.7), (16, 16, 0.25), (1, 16, 0.25)]
    p = [(jnp.asarray(fill(seed, size[:2], size[2])), jnp.zeros(size[0])) for seed, size in enumerate(sizes, 1)]
    x = jnp.asarray(fill(4, (32, 2), 1.0))
    target = x[:, :1] * x[:, 1:]
    steps = (1000, 5000) if together == 1 else (5, 50)
    run("mlp", variant, lambda s: updates(s, x, target), p, steps, "us", together, 6)


def arcface_loss(params, labels, scale=64.0, m=0.5):
    x, w = [v / jnp.maximum(jnp.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in params]
    cosine = x @ w.T
    own = jnp.take_along_axis(cosine, labels[:, None], 1)
    sine = jnp.sqrt(jnp.maximum(1 - own * own, 1e-9))
    lower = own * math.cos(m) - sine * math.sin(m)
    lower = jnp.where(own > math.cos(math.pi - m), lower, own - m * math.sin(m))
    is_own = labels[:, None] == jnp.arange(cosine.shape[1])
    return cross_entropy(jnp.where(is_own, lower, cosine) * scale, labels)


def arcface():
    @partial(jax.jit, donate_argnums=0)
    def update(params, labels):
        loss, gradients = jax.value_and_grad(arcface_loss)(params, labels)
        return jax.tree.map(lambda p, g: p - g, params, gradients), loss

    state = jnp.asarray(fill(1, (128, 512), 1.0)), jnp.asarray(fill(2, (1000, 512), 1.0))
    run("arcface", "jit", lambda s: update(s, LABELS_ARCFACE), state, (20, 200))


def cnn(layout):
    last = layout == "NHWC"
    channel = (1, 1, 1, -1) if last else (1, -1, 1, 1)
    over = (0, 1, 2) if last else (0, 2, 3)
    dimensions = ("NHWC", "HWIO", "NHWC") if last else ("NCHW", "OIHW", "NCHW")
    window = (1, 2, 2, 1) if last else (1, 1, 2, 2)

    def block(c_in, c_out, seed, scale):
        w = jnp.asarray(fill(seed, (c_out, c_in, 3, 3), scale))
        w = w.transpose(2, 3, 1, 0) if last else w
        # Two fresh arrays each: donated buffers must differ.
        return dict(w=w, b=jnp.zeros(c_out), gamma=jnp.ones(c_out), beta=jnp.zeros(c_out))

    def apply(p, running, x):
        x = lax.conv_general_dilated(x, p["w"], (1, 1), "SAME", dimension_numbers=dimensions)
        x = x + p["b"].reshape(channel)
        mean = x.mean(over)
        var = ((x - mean.reshape(channel)) ** 2).mean(over)
        n = x.size // mean.size
        scale = p["gamma"] * lax.rsqrt(var + 1e-5)
        x = (x - mean.reshape(channel)) * scale.reshape(channel) + p["beta"].reshape(channel)
        running = 0.9 * running[0] + 0.1 * mean, 0.9 * running[1] + 0.1 * var * n / (n - 1)
        return jax.nn.relu(x), running

    def loss_of(params, running, x, labels):
        new = []
        for i, (p, r) in enumerate(zip(params["blocks"], running)):
            x, r = apply(p, r, x)
            new.append(r)
            if i % 2 == 1:
                x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        logits = x.reshape(64, -1) @ params["head"] + params["bias"]
        return cross_entropy(logits, labels), new

    @partial(jax.jit, donate_argnums=0)
    def update(state, x, labels):
        params, velocity, running = state
        (loss, running), gradients = jax.value_and_grad(loss_of, has_aux=True)(params, running, x, labels)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, gradients)
        return (jax.tree.map(lambda p, v: p - 0.01 * v, params, velocity), velocity, running), loss

    sizes = [(3, 16, 1, 0.3), (16, 16, 2, 0.15), (16, 32, 3, 0.15), (32, 32, 4, 0.1)]
    head, x = fill(5, (10, 2048), 0.02), fill(6, (64, 3, 32, 32), 1.0)
    if last:
        head = head.reshape(10, 32, 8, 8).transpose(0, 2, 3, 1).reshape(10, 2048)
        x = x.transpose(0, 2, 3, 1)
    params = dict(blocks=[block(*size) for size in sizes], head=jnp.asarray(head.T), bias=jnp.zeros(10))
    running = [(jnp.zeros(size[1]), jnp.ones(size[1])) for size in sizes]
    state = params, jax.tree.map(jnp.zeros_like, params), running
    x = jnp.asarray(x)
    run("cnn", f"jit_{layout.lower()}", lambda s: update(s, x, LABELS_CNN), state, (10, 100))


def run(work, variant, update, state, steps, unit="ms", together=1, digits=4):
    first = None

    def step():
        nonlocal state, first
        state, loss = jax.block_until_ready(update(state))
        # Of several steps a call, the fourth of all is in the first call.
        first = first or float(loss)
        return first if together > 1 else float(loss)

    measure(f"jax {jax.__version__} {work} {variant} threads {len(os.sched_getaffinity(0))}", step, *steps, unit, together, digits)


match sys.argv[1:]:
    case ["elu"]:
        elu("jit_tape", elu_tape)
        elu("jit_by_hand", elu_by_hand)
    case ["mlp"]:
        mlp("jit", 1)
        mlp("jit_1000_steps_a_call", 1000)
    case ["arcface"]:
        arcface()
    case ["cnn"]:
        cnn("NCHW")
        cnn("NHWC")
    case _:
        sys.exit("usage: jax_peer.py elu|mlp|arcface|cnn")
