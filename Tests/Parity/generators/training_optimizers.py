"""What torch.optim makes of a linear layer's weights in five steps, in f64, and the norm that clip_grad_norm_ returns: Adam,
AdamW and SGD with each of their options. The loss is the sum of outputs times a direction, so that the gradient does not
depend on the weights; from step to step inputs, directions and the learning rate change. The weight is large enough to be
cut into pieces by a parallel optimizer; every 997th of its values is kept, as f64 differences from the start.

Writes fixtures/training/optimizers.safetensors, `CASE/STEP/weight`, `CASE/STEP/bias` and `CASE/norms`, and
fixtures/training/schedules.json: learning rates of torch.optim.lr_scheduler, epoch by epoch.

    python training_optimizers.py
"""

import json

import numpy as np
import torch
from safetensors.numpy import save_file

import places
from formula import uniform

INPUTS, OUTPUTS, ROWS, STEPS, EVERY = 400, 300, 3, 5, 997
RATES = [0.01, 0.01, 0.003, 0.02, 0.001]
CASES = {
    "adam": (torch.optim.Adam, {}),
    "adam decay": (torch.optim.Adam, {"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-4}),
    "adamw": (torch.optim.AdamW, {}),
    "adamw decay": (torch.optim.AdamW, {"weight_decay": 0.5, "betas": (0.7, 0.9)}),
    "sgd": (torch.optim.SGD, {}),
    "sgd decay": (torch.optim.SGD, {"weight_decay": 0.2}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "momentum decay": (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.2, "dampening": 0.3}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "adam clipped": (torch.optim.Adam, {"weight_decay": 0.1}),
    "momentum clipped": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}
# Between the norms of the steps, so that some are clipped and others are not.
LARGEST = 180.0


def values(name, shape):
    return torch.from_numpy(uniform(name, shape)).double()


def trajectory(name, found):
    kind, options = CASES[name]
    weight, bias = values("l.weight", (OUTPUTS, INPUTS)) * 0.5, values("l.bias", (OUTPUTS,)) * 0.5
    start = weight.clone(), bias.clone()
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = kind(parameters, lr=RATES[0], **options)
    norms = []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATES[step]
        optimizer.zero_grad()
        x = values(f"x{step}", (ROWS, INPUTS)) * (step + 1) / 3
        # Some columns have no gradient, as pixels outside of every image have none.
        x[:, ::7] = 0
        (torch.nn.functional.linear(x, weight, bias) * values(f"direction{step}", (ROWS, OUTPUTS))).sum().backward()
        if name.endswith("clipped"):
            norms.append(torch.nn.utils.clip_grad_norm_(parameters, LARGEST).item())
        optimizer.step()
        for key, value, first in zip(("weight", "bias"), parameters, start):
            found[f"{name}/{step}/{key}"] = (value.detach() - first).reshape(-1)[::EVERY if key == "weight" else 7].numpy()
    if norms:
        assert min(norms) < LARGEST < max(norms), norms
        found[f"{name}/norms"] = np.array(norms)


def schedules():
    """Cases by name: the arguments, the losses and the rate of each epoch."""
    losses = [round(float(v), 4) for v in 1 / (1 + 0.2 * np.arange(40)) + 0.1 * uniform("losses", (40,))]
    scheduler = torch.optim.lr_scheduler
    made = {
        "plateau": lambda o: scheduler.ReduceLROnPlateau(o, patience=2),
        "plateau floor": lambda o: scheduler.ReduceLROnPlateau(o, factor=0.3, patience=0, threshold=0.05, min_lr=2e-4),
        "cosine": lambda o: scheduler.CosineAnnealingLR(o, T_max=15, eta_min=1e-3),
        "step": lambda o: scheduler.StepLR(o, step_size=4, gamma=0.5),
    }
    result = {"losses": losses, "start": 0.02}
    for name, make in made.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.02)
        schedule, rates = make(optimizer), []
        for loss in losses:
            optimizer.step()
            schedule.step(loss) if name.startswith("plateau") else schedule.step()
            rates.append(optimizer.param_groups[0]["lr"])
        result[name] = rates
    return result


found = {}
for name in CASES:
    trajectory(name, found)
    print(name, [float(np.abs(found[f"{name}/{step}/weight"]).max()) for step in range(STEPS)], found.get(f"{name}/norms"))
save_file({key: np.ascontiguousarray(value) for key, value in found.items()},
          places.folder("training") / "optimizers.safetensors")
(places.folder("training") / "schedules.json").write_text(json.dumps(schedules(), indent=1) + "\n")
