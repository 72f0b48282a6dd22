"""ResNet-50 training (224 x 224, 14 labels, Adam) at batch 8 and 16: chexgen with decoding, resizing and augmentation of
files beside PyTorch's compute alone in both memory layouts, in turns, two threads each; medians over rounds, and the ratio;
on a busy machine, the ratio by the processor's time says more.

    python benchmarks/training.py [--rounds N] [--network resnet50] [--batch 8 16]

Wants a release build (`swift build -c release --product training-bench`) and the reference environment.
"""

import argparse
import os
import statistics
import sys
import tempfile

from sides import start

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
    """PyTorch's process: prints `ready`, then the seconds of one pass over the images, by the clock and of
    the processor, for every line that it reads."""
    import time

    import torch
    import torchvision

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(num_classes=CLASSES).train()
    x, labels = torch.randn(batch, 3, 224, 224), torch.randint(0, 2, (batch, CLASSES)).float()
    if layout == "nhwc":
        network, x = network.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, weight_decay=1e-5)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def step():
        optimizer.zero_grad()
        loss_of(network(x), labels).backward()
        optimizer.step()

    step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start, used = time.perf_counter(), time.process_time()
        for _ in range(IMAGES // batch):
            step()
        print(time.perf_counter() - start, time.process_time() - used, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(options.peer[0], options.peer[1], int(options.peer[2]))
    ours = os.path.join(here, "..", ".build", "release", "training-bench")
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        print(f"{'images a second, medians of ' + str(options.rounds):34}{'chexgen':>9}{'nchw':>9}{'nhwc':>9}"
              f"{'/PyTorch':>10}{'by CPU time':>13}")
        for batch in options.batch:
            command = [ours, "serve", options.network, str(batch), os.path.join(folder, "files.txt")]
            sides = {"chexgen": start(command, THREADS)}
            for layout in ("nchw", "nhwc"):
                command = [sys.executable, __file__, "--peer", layout, options.network, str(batch)]
                sides[layout] = start(command, THREADS)
            times = {side: [] for side in sides}
            for _ in range(options.rounds):
                for side, process in sides.items():
                    process.stdin.write("\n")
                    process.stdin.flush()
                    times[side].append([float(word) for word in process.stdout.readline().split()])
            for process in sides.values():
                process.stdin.close()
                process.wait()
            rate, cpu = ({side: IMAGES / statistics.median(pair[column] for pair in values)
                          for side, values in times.items()} for column in (0, 1))
            print(f"{options.network + ' batch ' + str(batch):34}{rate['chexgen']:9.2f}{rate['nchw']:9.2f}"
                  f"{rate['nhwc']:9.2f}{rate['chexgen'] / max(rate['nchw'], rate['nhwc']):10.2f}"
                  f"{cpu['chexgen'] / max(cpu['nchw'], cpu['nhwc']):13.2f}", flush=True)


if __name__ == "__main__":
    main()
