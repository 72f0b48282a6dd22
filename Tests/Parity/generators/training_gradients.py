"""Gradients of every layer and loss that a tape records, by PyTorch in f64, each of them checked there against finite
differences (gradcheck). Inputs and weights follow from the formula of formula.py; gradients are of
Σ result · direction, or of the loss. Writes fixtures/training/gradients.safetensors: `case/result`, `case/grad/NAME`.

    python training_gradients.py
"""

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

import places
from formula import uniform

found = {}


def values(name, shape, low=-0.5, high=0.5):
    return torch.from_numpy(uniform(name, shape, low, high).astype(np.float64)).requires_grad_()


def case(name, inputs, run, is_loss=False, after=None):
    """`inputs`: tensors by the names that gradients are kept under; `run` takes them and gives the result, row-major."""
    names, tensors = list(inputs), list(inputs.values())
    assert torch.autograd.gradcheck(lambda *t: run(**dict(zip(names, t))), tensors, eps=1e-6, atol=1e-6, rtol=1e-5, fast_mode=True), name
    result = run(**inputs)
    total = result
    if not is_loss:
        direction = torch.from_numpy(uniform("direction", (result.numel(),)).astype(np.float64))
        total = (result.reshape(-1) * direction).sum()
    for key, gradient in zip(names, torch.autograd.grad(total, tensors)):
        found[f"{name}/grad/{key}"] = gradient.numpy()
    found[f"{name}/result"] = result.detach().reshape(-1).numpy()
    for key, value in (after or {}).items():
        found[f"{name}/after/{key}"] = value.detach().numpy()


def to_nchw(x):
    return x.permute(0, 3, 1, 2)


def to_nhwc(x):
    return x.permute(0, 2, 3, 1)


def norm_convolution(name, inputs, outputs, with_residual):
    x = values("x", (2, 6, 6, inputs), -1, 1)
    tensors = {"x": x, "c.weight": values("c.weight", (outputs, inputs, 3, 3)),
               "bn.weight": values("bn.weight", (outputs,)), "bn.bias": values("bn.bias", (outputs,))}
    if with_residual:
        tensors["r"] = values("r", (2, 3, 3, outputs), -1, 1)

    def run(**t):
        y = F.conv2d(to_nchw(t["x"]), t["c.weight"], stride=2, padding=1)
        y = F.batch_norm(y, None, None, t["bn.weight"], t["bn.bias"], training=True, eps=1e-5)
        if with_residual:
            y = y + to_nchw(t["r"])
        return to_nhwc(torch.relu(y))

    mean = values("bn.running_mean", (outputs,)).detach()
    variance = values("bn.running_var", (outputs,), 0.5, 1.5).detach()
    y = F.conv2d(to_nchw(x), tensors["c.weight"], stride=2, padding=1)
    F.batch_norm(y, mean, variance, training=True, momentum=0.1)
    case(name, tensors, run, after={"bn.running_mean": mean, "bn.running_var": variance})


def attention(q, k, v, heads, causal=False):
    def split(t):
        return t.reshape(t.shape[0], t.shape[1], heads, -1).transpose(1, 2)

    y = F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=causal)
    return y.transpose(1, 2).reshape(q.shape)


norm_convolution("blocked", 16, 32, False)
norm_convolution("residual", 16, 32, True)
norm_convolution("planar", 3, 16, False)
norm_convolution("plain", 5, 7, False)
case("biased", {"x": values("x", (2, 5, 4, 16), -1, 1), "c.weight": values("c.weight", (16, 16, 1, 1)),
                "c.bias": values("c.bias", (16,))},
     lambda **t: to_nhwc(F.silu(F.conv2d(to_nchw(t["x"]), t["c.weight"], t["c.bias"]))))
images = lambda: values("x", (2, 5, 5, 12), -1, 1)
case("linear", {"x": images(), "l.weight": values("l.weight", (9, 12)), "l.bias": values("l.bias", (9,))},
     lambda **t: F.gelu(F.linear(t["x"], t["l.weight"], t["l.bias"])))
case("layer norm", {"x": images(), "n.weight": values("n.weight", (12,)), "n.bias": values("n.bias", (12,))},
     lambda **t: F.layer_norm(t["x"], (12,), t["n.weight"], t["n.bias"]))
case("group norm", {"x": images(), "g.weight": values("g.weight", (12,)), "g.bias": values("g.bias", (12,))},
     lambda **t: to_nhwc(F.silu(F.group_norm(to_nchw(t["x"]), 3, t["g.weight"], t["g.bias"]))))
case("max", {"x": images()}, lambda x: to_nhwc(F.max_pool2d(to_nchw(x), 3, 2, 1)))
case("average", {"x": images()}, lambda x: to_nhwc(F.avg_pool2d(to_nchw(x), 3, 2, 1)))
case("global", {"x": images()}, lambda x: x.mean((1, 2)))
for name, function in (("relu", F.relu), ("gelu", F.gelu), ("silu", F.silu), ("sigmoid", torch.sigmoid),
                       ("tanh", torch.tanh), ("geluTanh", lambda x: F.gelu(x, approximate="tanh")),
                       ("quickGelu", lambda x: x * torch.sigmoid(1.702 * x))):
    case(name, {"x": values("x", (2, 40), -3, 3)}, lambda x, f=function: f(x))
case("attention", {"q": values("q", (2, 7, 8), -1, 1), "k": values("k", (2, 5, 8), -1, 1),
                   "v": values("v", (2, 5, 8), -1, 1)}, lambda q, k, v: attention(q, k, v, 2))
case("self-attention", {"x": values("x", (2, 7, 8), -1, 1)}, lambda x: attention(x, x, x, 2))
case("causal attention", {"q": values("q", (1, 6, 8), -1, 1), "k": values("k", (1, 6, 8), -1, 1),
                          "v": values("v", (1, 6, 8), -1, 1)}, lambda q, k, v: attention(q, k, v, 2, True))
ids = torch.tensor([[3, 0, 3], [1, 4, 3]])
case("embedding", {"e.weight": values("e.weight", (5, 6))}, lambda **t: F.embedding(ids, t["e.weight"]))
logits = lambda: values("x", (4, 6), -4, 4)
targets = torch.from_numpy(uniform("targets", (4, 6), 0, 1).astype(np.float64))
case("binary cross entropy", {"x": logits()}, lambda x: F.binary_cross_entropy_with_logits(x, targets), True)
counted = torch.arange(24).reshape(4, 6) % 3 != 0
case("masked binary cross entropy", {"x": logits()},
     lambda x: F.binary_cross_entropy_with_logits(x[counted], targets[counted]), True)
case("cross entropy", {"x": logits()}, lambda x: F.cross_entropy(x, torch.tensor([5, 0, 2, 2])), True)

save_file({key: np.ascontiguousarray(value) for key, value in found.items()}, places.folder("training") / "gradients.safetensors")
print(len(found), "tensors")
