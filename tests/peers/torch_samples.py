"""Samples of PyTorch's own operator database, with PyTorch's values and first and second derivatives, in float64.

`cargo test --release --test torch_samples` runs this and compares; by hand it is

    python tests/peers/torch_samples.py FILE [--seed 0] [--most 27] [--only NAME ..]

For each operator with autograd, `op_db` makes sample inputs. From each operator at most so many are taken, evenly spread
over its list. A line of FILE is one of them, as JSON: the operator, its arguments, and of each result y_k in float64

    value    y_k
    upstream u_k, drawn from the seed, for L = sum_k <u_k, y_k>
    first    g_i = dL/dx_i, for each input x_i that wants a gradient
    v        v_i, drawn from the seed
    second   d/dx_i of sum_i <v_i, g_i>

A complex result is written as its real and imaginary parts, in a last axis of size 2. Where a result is determined only up
to signs, as eigenvectors are, it is replaced by its square.
"""

import argparse
import json
import math
import sys
import warnings

NO_TORCH = 77

# Samples with an argument of more numbers are left out: there are some of half a million.
LARGEST = 20000


def squares(*places):
    """Results at these places squared, the others as they are."""
    return lambda out: tuple(y.square() if k in places else y for k, y in enumerate(out))


def thin_svd(out):
    """Without the columns that complete the bases, which can be rotated among each other."""
    u, s, vh = out
    k = s.shape[-1]
    return u[..., :k].square(), s, vh[..., :k, :].square()


def thin_svd_of_old(out):
    u, s, v = out
    k = s.shape[-1]
    return u[..., :k].square(), s, v[..., :k].mT.square()


def thin_qr(out):
    q, r = out
    k = min(q.shape[-2], r.shape[-1])
    return q[..., :k].square(), r[..., :k, :].square()


INVARIANT = {
    "svd": thin_svd_of_old,
    "linalg.svd": thin_svd,
    "linalg.eigh": squares(1),
    "linalg.qr": thin_qr,
    "linalg.lstsq": lambda out: out[0],  # The residuals are there for some shapes alone.
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=27)
    parser.add_argument("--only", nargs="*")
    return parser.parse_args()


def number(x):
    return x if math.isfinite(x) else str(float(x))


def tensor(x):
    """A tensor of real numbers as JSON."""
    flat = x.detach().reshape(-1).tolist()
    return {"shape": list(x.shape), "data": [number(float(v)) for v in flat]}


def size(torch, sample):
    """The numbers in the largest of the arguments."""
    tensors = [x for x in (sample.input, *sample.args, *sample.kwargs.values()) if isinstance(x, torch.Tensor)]
    return max((x.numel() for x in tensors), default=0)


class Record:
    """Turns the arguments of a sample into JSON, and collects the inputs that want a gradient."""

    def __init__(self, torch):
        self.torch, self.inputs = torch, []

    def argument(self, x):
        """The argument to call with, and how it is written."""
        torch = self.torch
        if isinstance(x, torch.Tensor):
            if x.is_sparse or x.layout != torch.strided:
                x = x.to_dense()
            wants = x.requires_grad and x.dtype == torch.float64
            x = x.double() if x.dtype == torch.float32 else x
            # A leaf of its own: samples share tensors, and some are results of other operations.
            x = x.detach().clone().requires_grad_(wants)
            json_of = {"tensor": tensor(x), "dtype": str(x.dtype)[6:]}
            if wants:
                json_of["input"] = len(self.inputs)
                self.inputs.append(x)
            return x, json_of
        if isinstance(x, (list, tuple)):
            pairs = [self.argument(item) for item in x]
            items = [item for item, _ in pairs]
            whole = items if isinstance(x, list) else tuple(items)
            return whole, {"list": [written for _, written in pairs]}
        if isinstance(x, slice):
            return x, {"slice": [x.start, x.stop, x.step]}
        if x is None or isinstance(x, (bool, int, str)):
            return x, x
        if isinstance(x, float):
            return x, {"float": number(x)}
        return x, {"other": str(x)}


def plain(torch, out):
    """The results as a list of real tensors in float64."""
    if isinstance(out, torch.Tensor):
        out = [out]
    results = []
    for y in out if isinstance(out, (list, tuple)) else []:
        if isinstance(y, (list, tuple)):
            results += plain(torch, y)
        elif isinstance(y, torch.Tensor):
            y = y.to_dense() if y.layout != torch.strided else y
            y = torch.view_as_real(y.resolve_conj()) if y.is_complex() else y
            if y.dtype == torch.float64:
                results.append(y)
    return results


def gradients(torch, total, inputs, keep):
    """The gradients of `total`, 0 where it does not depend on an input."""
    if not inputs or not total.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(total, inputs, create_graph=keep, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found)]


def evaluate(torch, op, sample, name, generator):
    """The record of one sample."""
    record = Record(torch)
    first, first_json = record.argument(sample.input)
    args, args_json = zip(*[record.argument(x) for x in sample.args]) if sample.args else ((), ())
    named = {key: record.argument(x) for key, x in sample.kwargs.items()}
    kwargs = {key: x for key, (x, _) in named.items()}
    out = op.get_op()(first.clone() if name.endswith("_") else first, *args, **kwargs)
    results = plain(torch, INVARIANT.get(op.name, lambda out: out)(out))
    draw = lambda like: torch.rand(like.shape, dtype=torch.float64, generator=generator) + 0.5
    upstream, v = [draw(y) for y in results], [draw(x) for x in record.inputs]
    total = sum(((u * y).sum() for u, y in zip(upstream, results) if y.requires_grad), torch.zeros(()).double())
    written = {
        "op": name,
        "args": [first_json, *args_json],
        "kwargs": {key: written for key, (_, written) in named.items()},
        "value": [tensor(y) for y in results],
        "takes_part": [y.requires_grad for y in results],
        "upstream": [tensor(u) for u in upstream],
        "v": [tensor(w) for w in v],
    }
    twice = op.supports_gradgrad
    found = gradients(torch, total, record.inputs, keep=twice)
    written["first"] = [tensor(g) for g in found]
    if twice:
        inner = sum(((g * w).sum() for g, w in zip(found, v)), torch.zeros(()).double())
        try:
            written["second"] = [tensor(h) for h in gradients(torch, inner, record.inputs, keep=False)]
        except RuntimeError:
            pass  # A rule of PyTorch's without a derivative of its own.
    return written


def main():
    options = arguments()
    try:
        import torch
        from torch.testing._internal.common_methods_invocations import op_db
    except ImportError as missing:
        print(f"{missing}: PyTorch with the packages that its tests need (expecttest) is not there", file=sys.stderr)
        sys.exit(NO_TORCH)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    operators = [op for op in op_db if op.supports_autograd and torch.float64 in op.dtypes]
    generator = torch.Generator().manual_seed(options.seed)
    all_samples, taken, refused = 0, 0, 0
    with open(options.file, "w") as file:
        for op in operators:
            name = op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")
            if options.only and name not in options.only and op.name not in options.only:
                continue
            torch.manual_seed(options.seed)
            samples = list(op.sample_inputs("cpu", torch.float64, requires_grad=True))
            all_samples += len(samples)
            samples = [sample for sample in samples if size(torch, sample) <= LARGEST]
            count = min(options.most, len(samples))
            for sample in [samples[i * len(samples) // count] for i in range(count)]:
                taken += 1
                try:
                    json.dump(evaluate(torch, op, sample, name, generator), file)
                    file.write("\n")
                except Exception as error:  # PyTorch itself refuses some of its samples, as without a gradient.
                    refused += 1
                    print(f"{name}: {str(error).splitlines()[0]}", file=sys.stderr)
        note = {"torch": torch.__version__, "operators": len(operators), "samples": all_samples, "refused": refused}
        json.dump(note, file)
        file.write("\n")
    print(f"{taken} of {all_samples} samples of {len(operators)} operators, {refused} refused by PyTorch", file=sys.stderr)


if __name__ == "__main__":
    main()
