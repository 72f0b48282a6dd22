"""Draws from NumPy's, Python's and PyTorch's generators for several seeds and writes the values as JSON.

Usage: tensors_streams.py [FIRST_SEED [FILE]]
"""
import json
import pathlib
import random
import sys

import numpy
import torch

import places

first = int(sys.argv[1]) if len(sys.argv) > 1 else 42
path = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else places.folder("tensors") / "streams.json"
result = {"numpy": [], "python": [], "torch": []}

for seed in (first, 0, 639, 4294967295):
    state = numpy.random.RandomState(seed)
    entry = {"seed": seed, "permutation": state.permutation(37).tolist(),
             "uniform": state.random_sample(5).tolist(),
             "choice": state.choice(5000, 20, replace=False).tolist(),
             "randint": state.randint(0, 1000, 20).tolist(),
             "resample": state.choice(33, 20).tolist(),
             "wide": [int(v) for v in state.randint(0, 2 ** 40, 5)],
             "last": state.random_sample()}
    result["numpy"].append(entry)

for seed in (first, 0, -7, 2 ** 40 + 5):
    random.seed(seed)
    result["python"].append({
        "seed": seed, "random": [random.random() for _ in range(5)], "choices": random.choices(range(1000), k=10),
        "pool": random.sample(range(60), 30), "set": random.sample(range(10 ** 6), 40),
        "small": random.sample(range(1000), 5), "all": random.sample(range(5), 5),
        "wide": random.sample(range(2 ** 40), 6), "one": random.sample(range(1), 1), "last": random.random()})

for seed in (first, 0, 639, 2 ** 32 + 3, 2 ** 63 - 1):
    g = torch.Generator().manual_seed(seed)
    draws = []

    def add(kind, count, values, **more):
        draws.append({"kind": kind, "count": count, "values": values.double().tolist(), **more})

    for count in (3, 5, 16, 17, 100, 1, 15, 33):
        add("randn", count, torch.randn(count, generator=g))
    for count in (3, 16, 21, 2):
        add("randn64", count, torch.randn(count, generator=g, dtype=torch.float64))
    for kind, dtype in (("rand", torch.float32), ("rand64", torch.float64), ("randbf16", torch.bfloat16),
                        ("randf16", torch.float16)):
        add(kind, 9, torch.rand(9, generator=g, dtype=dtype))
    for kind, dtype in (("randnbf16", torch.bfloat16), ("randnf16", torch.float16)):
        for count in (5, 40):
            add(kind, count, torch.randn(count, generator=g, dtype=dtype))
    for count in (1, 2, 10, 300):
        add("randperm", count, torch.randperm(count, generator=g))
    for low, high in ((0, 10), (-5, 1000), (0, 2 ** 28 - 1), (0, 2 ** 28), (0, 2 ** 28 + 1), (-3, 2 ** 31), (0, 2 ** 40)):
        add("randint", 6, torch.randint(low, high, (6,), generator=g), low=low, high=high)
    add("rand", 3, torch.rand(3, generator=g))
    result["torch"].append({"seed": seed, "draws": draws})
g = torch.Generator().manual_seed(first)
big = torch.randn(1, 4, 64, 64, generator=g)
result["latents"] = {"seed": first, "head": big.flatten()[:8].double().tolist(), "sum": big.double().sum().item()}
permutation = torch.randperm(70000, generator=torch.Generator().manual_seed(first))
result["largePermutation"] = permutation[:20].tolist() + permutation[-20:].tolist()

path.write_text(json.dumps(result))
print(path.stat().st_size, "bytes")
