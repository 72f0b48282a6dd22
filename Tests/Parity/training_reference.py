"""Two epochs of PyTorch on the files of a list, from the same weights, without shuffling or augmentation: the other side
of `training-bench`, for comparing epoch losses and probabilities.

    python training_reference.py make NETWORK WEIGHTS.safetensors CLASSES
    python training_reference.py run NETWORK WEIGHTS.safetensors BATCH EPOCHS FILES.txt OUT.txt
"""

import sys

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file

torch.set_num_threads(2)


def network(name, classes):
    return getattr(torchvision.models, name)(num_classes=classes)


def images(paths):
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    pixels = [np.asarray(Image.open(p).convert("RGB").resize((224, 224), Image.BILINEAR), np.float32) for p in paths]
    return torch.from_numpy(np.stack([((p / 255 - mean) / std).transpose(2, 0, 1) for p in pixels]))


if sys.argv[1] == "make":
    torch.manual_seed(3)
    save_file(network(sys.argv[2], int(sys.argv[4])).state_dict(), sys.argv[3])
else:
    name, weights, batch, epochs, files, out = sys.argv[2:]
    batch = int(batch)
    rows = [line.rstrip("\n").split("\t") for line in open(files)]
    labels = torch.tensor([[float(v) for v in row[1:]] for row in rows])
    net = network(name, labels.shape[1]).train()
    net.load_state_dict(load_file(weights))
    net = net.to(memory_format=torch.channels_last)
    x = images([row[0] for row in rows])
    optimizer = torch.optim.Adam(net.parameters(), 1e-4, weight_decay=1e-5)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for epoch in range(int(epochs)):
        total = 0
        for start in range(0, len(rows), batch):
            optimizer.zero_grad()
            loss = loss_of(net(x[start:start + batch]), labels[start:start + batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x[start:start + batch])
        print(epoch + 1, total / len(rows), flush=True)
    net.eval()
    with torch.no_grad():
        np.savetxt(out, torch.sigmoid(torch.cat([net(x[i:i + 16]) for i in range(0, len(rows), 16)])).numpy().ravel())
