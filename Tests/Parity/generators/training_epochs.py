"""Two epochs of training a ResNet-18 on drawn films by PyTorch in f64, from weights by formula, as CheXGenBench trains: Pillow's
bilinear resize to 224, ImageNet's normalisation, the binary cross entropy over known labels, no shuffling. Writes
fixtures/training/epochs.json: the loss of each epoch before its steps, the validation loss and the logits behind it. Adam divides
small gradients by their own size, so that rounding shows: PyTorch's own in f32 are printed beside.

    python training_epochs.py
"""

import json

import numpy as np
import timm
import torch
from PIL import Image

import places
from formula import weight

BATCH, EPOCHS, CLASSES = 3, 2, 2
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def film(index):
    """The pixels of FitTests' films."""
    pixels = (np.arange(64 * 64, dtype=np.int64) * (index + 3) >> 4).astype(np.uint8).reshape(64, 64)
    image = Image.fromarray(pixels).convert("RGB").resize((224, 224), Image.BILINEAR)
    return ((np.asarray(image, np.float32) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)


def loss_of(logits, labels):
    known = ~torch.isnan(labels)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits[known], labels[known])


films = torch.from_numpy(np.stack([film(index) for index in range(7)])).double()
labels = torch.tensor([[float(2 * row + column) % 3 == 0 for column in range(CLASSES)] for row in range(7)]).double()
labels[1, 0] = float("nan")
held = slice(5, 7)
state = {key: torch.from_numpy(weight(key, tuple(value.shape), "resnet18.")) if value.dtype.is_floating_point else value
         for key, value in timm.create_model("resnet18", num_classes=CLASSES).state_dict().items()}


def trained(make_optimizer, number=torch.float64):
    network = timm.create_model("resnet18", pretrained=False, num_classes=CLASSES)
    network.load_state_dict(state)
    network = network.to(number)
    x, wanted = films.to(number), labels.to(number)
    optimizer = make_optimizer(network.parameters())
    result = {"train": [], "validation": []}
    for _ in range(EPOCHS):
        network.train()
        total, cells = 0.0, 0
        for start in range(0, 5, BATCH):
            rows = slice(start, min(5, start + BATCH))
            optimizer.zero_grad()
            loss = loss_of(network(x[rows]), wanted[rows])
            loss.backward()
            optimizer.step()
            counted = int((~torch.isnan(wanted[rows])).sum())
            total, cells = total + loss.item() * counted, cells + counted
        network.eval()
        with torch.no_grad():
            logits = network(x)
        result["train"].append(total / cells)
        result["validation"].append(loss_of(logits[held], wanted[held]).item())
    result["logits"] = logits.reshape(-1).tolist()
    return result


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, 1e-4, weight_decay=1e-5),
    "sgd": lambda parameters: torch.optim.SGD(parameters, 1e-4, momentum=0.9, weight_decay=0.1),
}
result = {}
for name, make in OPTIMIZERS.items():
    result[name] = trained(make)
    print(name, result[name])
    print("PyTorch's own in f32:", trained(make, torch.float32))
(places.folder("training") / "epochs.json").write_text(json.dumps(result, indent=1) + "\n")
