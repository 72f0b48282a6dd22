"""Two epochs of training by PyTorch (timm's networks) and by chexgen, from the same weights on the same radiographs, without
shuffling or augmentation: how far apart are the epochs' losses and the probabilities behind them?

    python training_epochs.py FOLDER [--network resnet50 …] [--images 32] [--batch 8] [--epochs 2]

FOLDER holds annotations.csv (columns path and chexpert_labels) and the images. Wants a release build of chexgen.
"""

import argparse
import ast
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

torch.set_num_threads(2)
PROGRAM = Path(__file__).resolve().parents[3] / ".build/release/chexgen"
SCRIPT = """
local model, tensor = require "chexgen.model", require "chexgen.tensor"
local paths = {paths}
local net = model.classifier("{name}", {{ classes = {classes}, weights = {weights} }})
local history = net:fit{{ train = {{ paths = paths, labels = tensor.new({labels}) }}, batch = {batch}, epochs = {epochs},
  augment = false, shuffle = false }}
for _, epoch in ipairs(history) do print("loss", epoch.train_loss) end
for _, row in ipairs(net:predict(paths):totable()) do
  for _, probability in ipairs(row) do print(probability) end
end
"""


def lua(values):
    """A list of lists, texts or numbers as Lua writes it."""
    if isinstance(values, list):
        return "{" + ", ".join(lua(value) for value in values) + "}"
    return json.dumps(values)


def rows(folder, count):
    table = pd.read_csv(os.path.join(folder, "annotations.csv")).head(count)
    labels = [[float(v == 1) for v in ast.literal_eval(text).values()] for text in table["chexpert_labels"]]
    return [os.path.join(folder, path) for path in table["path"]], labels


def pixels(paths):
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    images = [np.asarray(Image.open(p).convert("RGB").resize((224, 224), Image.BILINEAR), np.float32) for p in paths]
    return torch.from_numpy(np.stack([((p / 255 - mean) / std).transpose(2, 0, 1) for p in images]))


def by_torch(net, x, labels, batch, epochs):
    optimizer = torch.optim.Adam(net.parameters(), 1e-4, weight_decay=1e-5)
    loss_of = torch.nn.BCEWithLogitsLoss()
    losses = []
    net.train()
    for _ in range(epochs):
        total = 0
        for start in range(0, len(x), batch):
            optimizer.zero_grad()
            loss = loss_of(net(x[start:start + batch]), labels[start:start + batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x[start:start + batch])
        losses.append(total / len(x))
    net.eval()
    with torch.no_grad():
        return losses, torch.sigmoid(torch.cat([net(x[i:i + 16]) for i in range(0, len(x), 16)])).numpy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--network", nargs="+",
                        default=["resnet18", "resnet34", "resnet50", "resnet101", "densenet121"])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    paths, labels = rows(options.folder, options.images)
    x = pixels(paths)
    for name in options.network:
        torch.manual_seed(3)
        net = timm.create_model(name, pretrained=False, num_classes=len(labels[0]))
        with tempfile.TemporaryDirectory() as folder:
            weights, script = os.path.join(folder, "weights.safetensors"), os.path.join(folder, "train.lua")
            save_file({k: v.contiguous() for k, v in net.state_dict().items()}, weights)
            with open(script, "w") as file:
                file.write(SCRIPT.format(name=name, weights=json.dumps(weights), paths=lua(paths), labels=lua(labels),
                                         classes=len(labels[0]), batch=options.batch, epochs=options.epochs))
            printed = subprocess.run([PROGRAM, "run", script, "--threads", "2"], check=True, capture_output=True,
                                     text=True).stdout.splitlines()
            ours = [float(line.split()[1]) for line in printed if line.startswith("loss ")]
            probabilities = np.array([float(line) for line in printed if not line.startswith("loss ")])
            probabilities = probabilities.reshape(len(paths), -1)
        theirs, wanted = by_torch(net, x, torch.tensor(labels), options.batch, options.epochs)
        off = [abs(a / b - 1) * 100 for a, b in zip(ours, theirs)]
        print(f"{name:12} losses {['%.5f' % v for v in ours]} {['%.5f' % v for v in theirs]} "
              f"off by {max(off):.4f} %, probabilities by {np.abs(probabilities - wanted).max():.5f}", flush=True)


if __name__ == "__main__":
    main()
