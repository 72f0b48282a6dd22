"""Draws random inputs for every tensor operation and writes what PyTorch makes of them.

Usage: tensors_ops.py [SEED [CASES_PER_OPERATION [MOST_ELEMENTS [FILE]]]]
The committed fixture comes of the defaults; other seeds and more elements serve for fuzzing.

The file is a sequence of cases: a line of JSON (operation, arguments, inputs, outputs), then the raw elements of the
inputs and outputs in that order. An input may be a strided view: its whole storage is written, with strides and offset.
"""
import json
import math
import pathlib
import random
import sys

import torch

import places

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
cases = int(sys.argv[2]) if len(sys.argv) > 2 else 2
most = int(sys.argv[3]) if len(sys.argv) > 3 else 40
path = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else places.folder("tensors") / "ops.bin"
random.seed(seed)
torch.manual_seed(seed)

NAMES = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16", torch.float16: "f16",
         torch.int64: "i64", torch.int32: "i32", torch.uint8: "u8", torch.bool: "bool"}
FLOATS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
ALL = list(NAMES)
out = []


def raw(t):
    return t.clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""


def draw(shape, dtype, low=-3.0, high=3.0):
    """A tensor of the shape, as a contiguous, permuted, stepped, reversed-offset or expanded view."""
    def values(sizes):
        if dtype == torch.bool:
            return torch.rand(sizes) < 0.5
        if dtype == torch.uint8:
            return torch.randint(0, 9, sizes).to(dtype)
        if not dtype.is_floating_point:
            return torch.randint(int(low), int(high) + 1, sizes).to(dtype)
        return (torch.rand(sizes, dtype=torch.float64) * (high - low) + low).to(dtype)
    kind = random.choice(["plain", "plain", "permuted", "stepped", "narrow", "expanded"])
    if kind == "permuted" and shape:
        order = list(range(len(shape)))
        random.shuffle(order)
        inverse = [order.index(i) for i in range(len(order))]
        return values([shape[i] for i in order]).permute(inverse)
    if kind == "stepped" and shape:
        return values([s * 2 for s in shape])[tuple(slice(None, None, 2) for _ in shape)]
    if kind == "narrow" and shape:
        return values([s + 2 for s in shape])[tuple(slice(1, s + 1) for s in shape)]
    if kind == "expanded" and shape:
        sizes = list(shape)
        axis = random.randrange(len(sizes))
        if sizes[axis] > 0:
            sizes[axis] = 1
            return values(sizes).expand(shape)
    return values(shape)


def shape(rank=None, low=0):
    rank = random.randint(0, 4) if rank is None else rank
    sizes = [random.choice([1, 2, 3, 5, 8, 17]) for _ in range(rank)]
    while math.prod(sizes) > most:
        sizes[random.randrange(rank)] = random.choice([1, 2])
    if low == 0 and rank and random.random() < 0.08:
        sizes[random.randrange(rank)] = 0
    return sizes


def emit(op, inputs, outputs, tolerance=None, **args):
    head = {"op": op, "args": args, "inputs": [], "outputs": [], "tolerance": tolerance}
    blobs = []
    for t in inputs:
        base = torch.tensor([], dtype=t.dtype)
        base.set_(t.untyped_storage())
        head["inputs"].append({"dtype": NAMES[t.dtype], "shape": list(t.shape), "strides": list(t.stride()),
                               "offset": t.storage_offset(), "count": base.numel()})
        blobs.append(raw(base))
    for t in outputs:
        head["outputs"].append({"dtype": NAMES[t.dtype], "shape": list(t.shape)})
        blobs.append(raw(t))
    out.append(json.dumps(head).encode() + b"\n" + b"".join(blobs))


def broadcastable(a):
    b = [s if random.random() < 0.7 else 1 for s in a]
    return b[random.randint(0, len(b)):] if random.random() < 0.3 else b


BINARY = {"add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.true_divide,
          "minimum": torch.minimum, "maximum": torch.maximum, "equal": torch.eq, "notEqual": torch.ne,
          "less": torch.lt, "lessOrEqual": torch.le, "greater": torch.gt, "greaterOrEqual": torch.ge}
for name, function in BINARY.items():
    for _ in range(cases * 3):
        sizes = shape()
        first, second = sizes, broadcastable(sizes)
        if random.random() < 0.5:
            first, second = second, first
        a, b = draw(first, random.choice(ALL)), draw(second, random.choice(ALL))
        if random.random() < 0.5:
            b = draw(second, a.dtype)
        if name == "subtract" and torch.bool in (a.dtype, b.dtype):
            continue
        # PyTorch computes mixed zero-dimensional operands with its own promotion, which Tensor has for scalars only.
        if (a.dim() == 0) != (b.dim() == 0) and a.dtype != b.dtype:
            continue
        emit(name, [a, b], [function(a, b)])
    for _ in range(cases):
        a = draw(shape(), random.choice(ALL))
        value = random.choice([2, 1, 0.5, 2.5, 0.1])
        if name in ("minimum", "maximum") or (name == "subtract" and a.dtype == torch.bool):
            continue
        # PyTorch rounds the number to half precision for some operations and not for others; here it stays whole.
        half = a.dtype in (torch.float16, torch.bfloat16) and name in ("add", "subtract", "multiply", "divide")
        wide = a.double() if half else a
        result = function(wide, value)
        emit(name + "Scalar", [a], [result.to(a.dtype) if half else result], value=value,
             integer=isinstance(value, int))
        if name in ("subtract", "divide"):
            result = value - wide if name == "subtract" else value / wide
            emit(name + "ScalarLeft", [a], [result.to(a.dtype) if half else result], value=value, integer=isinstance(value, int))
for _ in range(cases * 3):
    a = draw(shape(), random.choice(FLOATS), 0.1, 3)
    exponent = random.choice([0.5, 1, 2, 3, -0.5, -1, -2, 1.7, 0, 4])
    # PyTorch rounds the exponent to half precision too; here it stays whole.
    emit("powerScalar", [a], [(a.double() ** exponent).to(a.dtype)], value=exponent, integer=isinstance(exponent, int))
    b = draw(list(a.shape), a.dtype)
    emit("power", [a, b], [a ** b])
    a = draw(shape(), random.choice([torch.int64, torch.int32, torch.uint8]))
    emit("powerScalar", [a], [a ** 3], value=3, integer=True)
UNARY = {"abs": torch.abs, "sign": torch.sign, "square": torch.square, "sqrt": torch.sqrt,
         "exp": torch.exp, "log": torch.log, "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh,
         "sigmoid": torch.sigmoid, "relu": torch.relu, "gelu": torch.nn.functional.gelu, "silu":
         torch.nn.functional.silu, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round,
         "isnan": torch.isnan, "negative": torch.neg, "reciprocal": torch.reciprocal}
for name, function in UNARY.items():
    for _ in range(cases * 2):
        floats_only = name in ("gelu", "silu")
        dtype = random.choice(FLOATS if floats_only else ALL)
        if dtype == torch.bool and name in ("abs", "negative", "relu", "floor", "ceil", "round", "square", "sign"):
            continue
        a = draw(shape(), dtype, 0 if name in ("sqrt", "log") else -8, 8)
        # PyTorch's own GELU loses the negative tail to cancellation.
        exact = a.double() / 2 * torch.special.erfc(-a.double() / math.sqrt(2))
        emit(name, [a], [exact.to(dtype) if name == "gelu" else function(a)])
for _ in range(cases * 4):
    a = draw(shape(), random.choice([d for d in ALL if d != torch.bool]))
    low, high = random.choice([(-1, 1), (0, None), (None, 0.5), (1, -1), (0.25, 0.75)])
    if a.dtype == torch.uint8 and (low == -1 or high == -1):
        continue
    emit("clamp", [a], [torch.clamp(a, low, high)], low=low, high=high)
REDUCTIONS = ["sum", "mean", "prod", "std", "var", "norm", "max", "min", "argmax", "argmin", "all", "any"]
for name in REDUCTIONS:
    for _ in range(cases * 4):
        needs_float = name in ("mean", "std", "var", "norm")
        dtype = random.choice(FLOATS if needs_float else ALL)
        if dtype == torch.bool and name in ("argmax", "argmin"):
            continue
        sizes = shape() if random.random() < 0.85 or most < 10000 else [random.choice([1, 3, 700]), random.choice([64, 1030])]
        a = draw(sizes, dtype)
        axis = random.randrange(len(sizes)) if sizes and random.random() < 0.7 else None
        keep = random.random() < 0.3 and axis is not None
        length = a.numel() if axis is None else sizes[axis]
        if name in ("max", "min", "argmax", "argmin") and length == 0:
            continue
        if name in ("all", "any") and dtype == torch.uint8:
            continue
        args = {"axis": axis, "keep": keep}
        exact = a.double() if dtype.is_floating_point else a
        named = {} if axis is None else {"dim": axis, "keepdim": keep}
        if name in ("std", "var"):
            args["correction"] = correction = random.choice([0, 1])
            result = getattr(torch, name)(exact, correction=correction, **named).to(dtype)
            # Equal elements deviate by rounding only.
            emit(name, [a], [result], tolerance=1e-3, **args)
            continue
        elif name == "norm":
            args["order"] = order = random.choice([1, 2, 3, 0, math.inf])
            if order == math.inf and length == 0:
                continue
            if order == math.inf:
                args["order"] = "inf"
            result = torch.linalg.vector_norm(exact, ord=order, **named).to(dtype)
        elif name in ("max", "min") and axis is not None:
            result = getattr(torch, name)(a, **named)
            emit(name, [a], [result.values, result.indices], **args)
            continue
        elif name in ("max", "min", "argmax", "argmin"):
            result = getattr(torch, name)(a, **named)
        else:
            result = getattr(torch, name)(exact, **named)
            if dtype.is_floating_point and name not in ("all", "any"):
                result = result.to(dtype)
        emit(name, [a], [result], **args)
for name in ("softmax", "log_softmax", "cumsum", "sort", "topk"):
    for _ in range(cases * 4):
        dtype = random.choice(FLOATS if "soft" in name else ALL)
        sizes = shape(random.randint(1, 4)) if random.random() < 0.85 or most < 10000 else [3, random.choice([300, 1030])]
        axis = random.randrange(len(sizes))
        a = draw(sizes, dtype)
        if name == "sort":
            down = random.random() < 0.5
            result = torch.sort(a, dim=axis, descending=down, stable=True)
            emit(name, [a], [result.values, result.indices], axis=axis, descending=down)
        elif name == "topk":
            k = random.randint(0, sizes[axis])
            down = random.random() < 0.5
            result = torch.sort(a, dim=axis, descending=down, stable=True)
            emit(name, [a], [result.values.narrow(axis, 0, k), result.indices.narrow(axis, 0, k)], axis=axis, k=k,
                 largest=down)
        else:
            exact = a.double() if dtype.is_floating_point else a
            result = getattr(torch, name)(exact, dim=axis)
            emit(name, [a], [result.to(dtype) if dtype.is_floating_point else result], axis=axis)
for _ in range(cases * 6):
    dtype = random.choice(FLOATS + [torch.int64])
    m, k, n = (random.choice([1, 2, 3, 7] + ([20, 70, 1100] if most >= 10000 else [])) for _ in range(3))
    batch = random.choice([[], [], [2], [3, 2], [1, 3]])
    first, second = batch + [m, k], (broadcastable(batch) if random.random() < 0.6 else []) + [k, n]
    if random.random() < 0.2:
        first = [k]
    if random.random() < 0.2:
        second = [k]
    a, b = draw(first, dtype), draw(second, dtype)
    exact = torch.matmul(a.double(), b.double()) if dtype.is_floating_point else torch.matmul(a, b)
    # The sum of magnitudes bounds the error of a product whose terms cancel.
    emit("matmul", [a, b], [exact.to(dtype)], tolerance=k * 3.0)
for _ in range(cases * 4):
    source, target = random.choice(ALL), random.choice(ALL)
    a = draw(shape(), source, 0 if target == torch.uint8 else -3, 8)
    emit("to", [a], [a.to(target)], dtype=NAMES[target])
for _ in range(cases * 4):
    a = draw(shape(random.randint(1, 4)), random.choice(ALL))
    order = list(range(a.dim()))
    random.shuffle(order)
    emit("permute", [a], [a.permute(order)], axes=order)
    sizes = [a.numel()] if random.random() < 0.5 else [1, -1] if a.numel() else [0, 3]
    emit("reshape", [a], [a.reshape(sizes)], shape=sizes)
    axis = random.randrange(a.dim())
    if a.shape[axis] > 0:
        index = random.randrange(-a.shape[axis], a.shape[axis])
        emit("select", [a], [a.select(axis, index)], axis=axis, index=index)
        places = torch.randint(0, a.shape[axis], [random.choice([0, 1, 4])])
        emit("index", [a, places], [a.index_select(axis, places)], axis=axis)
    start = random.randint(0, a.shape[axis])
    length = random.randint(0, a.shape[axis] - start)
    emit("narrow", [a], [a.narrow(axis, start, length)], axis=axis, start=start, length=length)
    mask = draw(broadcastable(list(a.shape)), torch.bool)
    emit("maskedSelect", [a, mask], [torch.masked_select(a, mask)])
    others = [draw([random.randint(0, 3) if i == axis else s for i, s in enumerate(a.shape)], random.choice(ALL))
              for _ in range(2)]
    if all(t.numel() or t.dim() > 1 for t in [a] + others):
        emit("cat", [a] + others, [torch.cat([a] + others, axis)], axis=axis)
    emit("stack", [a, a], [torch.stack([a, a], axis)], axis=axis)
for _ in range(cases * 3):
    dtype = random.choice([torch.float32, torch.float64])
    n = random.choice([1, 2, 4] + ([12, 40] if most >= 10000 else []))
    batch = random.choice([[], [], [2], [2, 3]])
    a = draw(batch + [n, n], torch.float64).to(dtype)
    regular = a + 4 * n * torch.eye(n, dtype=dtype)
    spd = (a @ a.mT + n * torch.eye(n, dtype=dtype))
    emit("inv", [regular], [torch.linalg.inv(regular.double()).to(dtype)], tolerance=0.1)
    emit("det", [regular], [torch.linalg.det(regular.double()).to(dtype)])
    emit("cholesky", [spd], [torch.linalg.cholesky(spd.double()).to(dtype)], tolerance=1.0)
    emit("eigenvalues", [spd], [torch.linalg.eigvalsh(spd.double()).to(dtype)])
    side = draw(random.choice([[n], batch + [n, 3]]) if not batch else batch + [n, 3], dtype)
    emit("solve", [regular, side], [torch.linalg.solve(regular.double(), side.double()).to(dtype)], tolerance=1.0)
    # Expanded rows would make the factors arbitrary.
    b = torch.randn(batch + [random.choice([1, 4, 9]), n], dtype=torch.float64).to(dtype)
    q, r = torch.linalg.qr(b.double())
    emit("qr", [b], [q.to(dtype), r.to(dtype)], tolerance=10.0)
    emit("singularValues", [b], [torch.linalg.svdvals(b.double()).to(dtype)], tolerance=10.0)
    if not batch:
        emit("trace", [b], [torch.trace(b.double()).to(dtype)], tolerance=10.0)

path.write_bytes(b"".join(out))
print(len(out), "cases,", path.stat().st_size, "bytes")
