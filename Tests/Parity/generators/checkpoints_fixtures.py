"""Writes the small weight files of Tests/CheckpointsTests with the libraries that users write theirs with.

Usage: python checkpoints_fixtures.py [FOLDER [SEED]]; the folder is ../fixtures/checkpoints by default.
expected.json holds, for every file and tensor, the dtype, the shape and the values in row-major order.
"""
import io
import json
import pathlib
import re
import sys
from collections import OrderedDict

import numpy
import torch
from safetensors.torch import save_file

import places

folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else places.folder("checkpoints")
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
expected = {}

WIDER = {"int8": "i32", "int16": "i32", "uint16": "i32", "uint32": "i64", "uint64": "i64"}
NAMES = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32",
         "uint8": "u8", "bool": "bool", "float8_e4m3fn": "f32", "float8_e5m2": "f32", **WIDER}


def save_legacy(content, name):
    """Saves in the format before zip archives, which names and orders storages by their addresses: a file that has the same bytes
    but for addresses stays."""
    again = io.BytesIO()
    torch.save(content, again, _use_new_zipfile_serialization=False)
    path, same = folder / name, lambda data: sorted(re.sub(rb"[0-9]{6,}", b"#", data))
    if not path.exists() or same(path.read_bytes()) != same(again.getvalue()):
        path.write_bytes(again.getvalue())


def note(file, tensors):
    entry = {}
    for name, value in tensors.items():
        if isinstance(value, numpy.ndarray) or isinstance(value, numpy.generic):
            dtype, shape = value.dtype.newbyteorder("=").name, list(value.shape)
            values = numpy.asarray(value).reshape(-1).astype(numpy.float64).tolist()
        else:
            value = value.detach()
            dtype, shape = str(value.dtype).split(".")[1], list(value.shape)
            values = value.to(torch.float64).reshape(-1).tolist()
        entry[name] = {"dtype": NAMES[dtype], "shape": shape, "values": values}
    expected[file] = entry


def every_type():
    base = torch.randn(4, 6)
    weight = torch.nn.Parameter(torch.randn(3, 2, 2))
    shared = torch.randn(5)
    state = OrderedDict()
    state["base"] = base
    state["transposed"] = base.t()
    state["window"] = base[1:3, 2:5]
    state["every.second"] = base[:, ::2]
    state["expanded"] = torch.randn(1, 3).expand(2, 3)
    state["parameter"] = weight
    state["tied.a"] = shared
    state["tied.b"] = shared
    state["half"] = torch.randn(7).half()
    state["brain"] = torch.randn(7).bfloat16()
    state["double"] = torch.randn(2, 2).double()
    state["long"] = torch.tensor([1, -2, 2**40])
    state["int"] = torch.tensor([[1, -2**31]], dtype=torch.int32)
    state["short"] = torch.tensor([-5, 300], dtype=torch.int16)
    state["char"] = torch.tensor([-5, 100], dtype=torch.int8)
    state["byte"] = torch.tensor([0, 255], dtype=torch.uint8)
    state["bool"] = torch.tensor([True, False, True])
    state["scalar"] = torch.tensor(3.5)
    state["num_batches_tracked"] = torch.tensor(17)
    state["empty"] = torch.zeros(0, 4)
    return state


model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
state = every_type()
torch.save(state, folder / "zip.pth")
note("zip.pth", state)
torch.save(state, folder / "protocol4.bin", pickle_protocol=4)
note("protocol4.bin", state)
save_legacy(state, "legacy.pth")
note("legacy.pth", state)
torch.save(model.state_dict(), folder / "module.pt")
note("module.pt", model.state_dict())

optimizer = torch.optim.AdamW(model.parameters())
model(torch.randn(2, 1, 5, 5)).sum().backward()
optimizer.step()
training = {
    "epoch": 12,
    "best": numpy.float64(0.75),
    "count": numpy.int64(99),
    "name": "resnet",
    "best_tensor": torch.tensor(0.5),
    "model_state_dict": {"module." + key: value for key, value in model.state_dict().items()},
    "optimizer": optimizer.state_dict(),
    "device": torch.device("cpu"),
    "size": torch.Size([2, 3]),
    "dtype": torch.bfloat16,
    "history": [0.1, 0.2, (1, 2)],
    "random": numpy.random.RandomState(3).get_state(),
    "set": {1, 2, 3},
}
torch.save(training, folder / "training.ckpt")
note("training.ckpt", training["model_state_dict"])
save_legacy(training, "training_legacy.ckpt")
note("training_legacy.ckpt", training["model_state_dict"])
torch.save({"a": {"b": [torch.ones(2), torch.zeros(1)]}}, folder / "nested.pt")
note("nested.pt", {"a.b.0": torch.ones(2), "a.b.1": torch.zeros(1)})

odd = {
    "u16": torch.tensor([1, 65535], dtype=torch.uint16),
    "u32": torch.tensor([1, 2**32 - 1], dtype=torch.uint32),
    "f8": torch.randn(5).to(torch.float8_e4m3fn),
    "attribute": torch.nn.Parameter(torch.randn(3)),
    "buffer": torch.nn.Buffer(torch.randn(2)),
    "frozen": torch.nn.Parameter(torch.randn(2).bfloat16(), requires_grad=False),
    "permuted": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
}
odd["attribute"].note = "text"
odd["attribute"].settings = {"lr": 0.1}
torch.save(odd, folder / "odd.pt")
note("odd.pt", odd)
save_legacy(odd, "odd_legacy.pt")
note("odd_legacy.pt", odd)
torch.save({"x": torch.randn(3, dtype=torch.complex64).conj().imag}, folder / "negated.pt.refused")
torch.save({"x": torch.randn(3).to_sparse()}, folder / "sparse.pt.refused")
torch.save(model, folder / "module.pt.refused")

plain = {name: value.contiguous().clone() for name, value in state.items()}
plain["f8"] = torch.randn(9).to(torch.float8_e4m3fn)
plain["f8wide"] = torch.randn(9).to(torch.float8_e5m2)
save_file(plain, folder / "all.safetensors", metadata={"format": "pt", "note": "žluťoučký"})
note("all.safetensors", plain)
parts = [{"a": torch.randn(2, 3), "b": torch.randn(1)}, {"c": torch.arange(4)}]
shards = folder / "sharded"
shards.mkdir(exist_ok=True)
weight_map = {}
for index, part in enumerate(parts, 1):
    name = f"model-{index:05d}-of-00002.safetensors"
    save_file(part, shards / name)
    weight_map.update({key: name for key in part})
(shards / "model.safetensors.index.json").write_text(
    json.dumps({"metadata": {"total_size": 60}, "weight_map": weight_map}, indent=2) + "\n")
note("sharded", {**parts[0], **parts[1]})

random = numpy.random.RandomState(5)
arrays = {
    "c": random.randn(3, 4),
    "fortran": numpy.asfortranarray(random.randn(2, 3, 4).astype("f4")),
    "big": random.randn(5).astype(">f4"),
    "bigint": numpy.array([1, -2, 3], dtype=">i8"),
    "half": random.randn(3).astype("f2"),
    "i1": numpy.array([-1, 2], dtype="i1"),
    "u2": numpy.array([65535, 2], dtype="u2"),
    "u4": numpy.array([2**32 - 1, 2], dtype="u4"),
    "u8": numpy.array([2**60, 2], dtype="u8"),
    "bytes": numpy.arange(6, dtype="u1").reshape(2, 3),
    "bool": numpy.array([True, False]),
    "scalar": numpy.array(2.5),
    "empty": numpy.zeros((0, 3), dtype="f4"),
}
for name, array in arrays.items():
    numpy.save(folder / f"{name}.npy", array)
    note(f"{name}.npy", {"array": array})
for version in [(2, 0), (3, 0)]:
    with open(folder / f"version{version[0]}.npy", "wb") as file:
        numpy.lib.format.write_array(file, arrays["c"], version=version)
    note(f"version{version[0]}.npy", {"array": arrays["c"]})
numpy.savez(folder / "stored.npz", **arrays)
note("stored.npz", arrays)
numpy.savez_compressed(folder / "deflated.npz", **arrays, ramp=numpy.arange(3000) % 7)
note("deflated.npz", {**arrays, "ramp": numpy.arange(3000) % 7})

(folder / "expected.json").write_text(json.dumps(expected) + "\n")
