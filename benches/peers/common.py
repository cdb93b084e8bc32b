"""The shared numbers, and how a work is timed and printed."""

import time

import numpy as np


def fill(seed, shape, scale):
    """A hash of (index + seed * 1000003), uniform in [-scale, scale), row-major."""
    x = np.arange(np.prod(shape), dtype=np.uint64)
    wrap = np.uint64(0xFFFFFFFF)
    x = (x + np.uint64(seed * 1000003)) & wrap
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x7FEB352D)) & wrap
    x = ((x ^ (x >> np.uint64(15))) * np.uint64(0x846CA68B)) & wrap
    x ^= x >> np.uint64(16)
    return ((x / 2**32 * 2 - 1) * scale).astype(np.float32).reshape(shape)


def measure(name, step, warm, runs, unit="ms", steps=1, digits=4):
    """Prints the line of a variant. `step` returns the loss as a float, which waits for the step to end.

    The check has as many decimals as engines agree on: they add in different orders. A call of `step` may make several steps.
    """
    scale = {"ms": 1e3, "us": 1e6}[unit] / steps
    for _ in range(3):
        step()
    loss = step()
    for _ in range(warm):
        step()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * scale)
    times.sort()
    print(
        f"{name}: median {times[runs // 2]:.3f} {unit}  min {times[0]:.3f} {unit}  check loss {loss:.{digits}f}", flush=True
    )
