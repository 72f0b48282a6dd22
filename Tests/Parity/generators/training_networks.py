"""Logits of every classifier network with weights by formula, by timm's networks in f64 in their inference mode; torchvision's
must agree. Writes fixtures/training/networks.safetensors: `NAME` f32 [2, 5].

    python training_networks.py
"""

import numpy as np
import timm
import torch
import torchvision
from safetensors.numpy import save_file

import places
from formula import uniform, weight

NAMES = ["resnet18", "resnet34", "resnet50", "resnet101", "densenet121"]
CLASSES, SIDE = 5, 64


def logits(network, state, x):
    network.load_state_dict(state, strict=False)
    with torch.no_grad():
        return network.double().eval()(x)


found = {}
for name in NAMES:
    network = timm.create_model(name, pretrained=False, num_classes=CLASSES)
    state = {key: torch.from_numpy(weight(key, tuple(value.shape), name + "."))
             for key, value in network.state_dict().items() if value.dtype.is_floating_point}
    images = uniform(name + ".images", (2, SIDE, SIDE, 3), -2, 2)
    x = torch.from_numpy(images).double().permute(0, 3, 1, 2)
    result = logits(network, state, x)
    other = logits(getattr(torchvision.models, name)(num_classes=CLASSES), state, x)
    assert torch.allclose(result, other, rtol=1e-9), name
    found[name] = result.numpy().astype(np.float32)
    print(name, found[name])
save_file(found, places.folder("training") / "networks.safetensors")
