"""ResNet-50 training (224 x 224, 14 labels, Adam) at batch 8 and 16: chexgen with decoding, resizing and augmentation of
files beside PyTorch's compute alone in both memory layouts and compiled (channels-last), in turns, two threads each; medians over rounds, and the ratio;
on a busy machine, the ratio by the processor's time says more.

    python benchmarks/training.py [--rounds N] [--network resnet50] [--batch 8 16]

Wants a release build (`swift build -c release --package-path benchmarks`) and the reference environment.
"""

import argparse
import os
import sys
import tempfile

import peers
from sides import BENCH, Side, serve

here = os.path.dirname(os.path.abspath(__file__))
THREADS = 2
IMAGES = 64
CLASSES = 14


def prepare(folder):
    """Films of the sizes that are met: JPEG at 1024 pixels, PNG at 512, with the noise of real ones."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(1)
    with open(os.path.join(folder, "files.txt"), "w") as table:
        for index in range(IMAGES):
            side, ending = ((1024, "jpg"), (512, "png"))[index % 2]
            smooth = Image.fromarray(random.integers(0, 256, (16, 16), np.uint8)).resize((side, side), Image.BICUBIC)
            film = np.asarray(smooth, np.float32) + random.normal(0, 6, (side, side))
            path = os.path.join(folder, f"{index}.{ending}")
            Image.fromarray(film.clip(0, 255).astype(np.uint8)).save(path)
            table.write("\t".join([path] + [str(v) for v in random.integers(0, 2, CLASSES)]) + "\n")


def peer(layout, name, batch):
    """PyTorch's process: a pass over the images for every line that it reads."""
    import torch
    import torchvision

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(num_classes=CLASSES).train()
    x, labels = torch.randn(batch, 3, 224, 224), torch.randint(0, 2, (batch, CLASSES)).float()
    if layout != "nchw":
        network, x = network.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    if layout == "compiled":
        network = torch.compile(network)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, weight_decay=1e-5)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def step():
        optimizer.zero_grad()
        loss_of(network(x), labels).backward()
        optimizer.step()

    def epoch():
        for _ in range(IMAGES // batch):
            step()

    serve(epoch)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(options.peer[0], options.peer[1], int(options.peer[2]))
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        for batch in options.batch:
            files = os.path.join(folder, "files.txt")
            sides = {"chexgen": Side([BENCH, "training", options.network, str(batch), files], THREADS)}
            for layout in ("nchw", "nhwc", "compiled"):
                command = [sys.executable, __file__, "--peer", layout, options.network, str(batch)]
                sides[layout] = Side(command, THREADS)
            peers.rounds(sides, options.rounds)
            peers.report(f"{options.network} training, batch {batch}", sides, IMAGES)
            for side in sides.values():
                side.end()


if __name__ == "__main__":
    main()
