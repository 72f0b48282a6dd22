"""InceptionV3 (299 x 299, batch 16) and RAD-DINO (518 x 518, batch 4) in f32 and bf16: chexgen beside PyTorch in both
memory layouts and OpenVINO, in turns, two threads each; medians over rounds, and the ratios.

    python benchmarks/encoders.py [--rounds N] [--only inception-v3|rad-dino] [--dtype f32|bf16]

Wants a release build (`swift build -c release --product chexgen-bench`) and the reference environment.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

from sides import start

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "Tests", "Parity", "generators"))
THREADS = 2
BATCH = {"inception-v3": 16, "rad-dino": 4}


def inception_network():
    """torch-fidelity's network with weights by formula, as a plain module from normalised pixels to 2048 features."""
    import torch
    from torch_fidelity import feature_extractor_inceptionv3 as fidelity

    from formula import weight

    load, load_state = torch.load, torch.nn.Module.load_state_dict
    torch.load = lambda *a, **k: {}
    torch.nn.Module.load_state_dict = lambda self, *a, **k: None
    try:
        with tempfile.NamedTemporaryFile() as empty:
            net = fidelity.FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=empty.name)
    finally:
        torch.load, torch.nn.Module.load_state_dict = load, load_state
    state = {k: torch.from_numpy(weight(k, tuple(v.shape))) if v.dtype.is_floating_point else v
             for k, v in net.state_dict().items()}
    net.load_state_dict(state)

    class Plain(torch.nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            n, pool = self.net, lambda x: torch.nn.functional.max_pool2d(x, 3, 2)
            x = pool(n.Conv2d_2b_3x3(n.Conv2d_2a_3x3(n.Conv2d_1a_3x3(x))))
            x = pool(n.Conv2d_4a_3x3(n.Conv2d_3b_1x1(x)))
            for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
                x = getattr(n, "Mixed_" + name)(x)
            return x.mean((2, 3))

    return Plain(net).eval(), state


def dino_network():
    import torch
    from transformers import Dinov2Config, Dinov2Model

    from formula import weight

    model = Dinov2Model(Dinov2Config(image_size=518, patch_size=14)).eval()
    state = {k: torch.from_numpy(weight(k, tuple(v.shape))) for k, v in model.state_dict().items()}
    model.load_state_dict(state)

    class Pooled(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x).pooler_output

    return Pooled(model), model


def prepare(folder):
    """Weights and inputs for every side."""
    import numpy as np
    import torch

    from formula import uniform

    torch.save(inception_network()[1], os.path.join(folder, "inception.pth"))
    dino_network()[1].save_pretrained(os.path.join(folder, "dino"))
    with open(os.path.join(folder, "dino", "preprocessor_config.json"), "w") as file:
        json.dump({"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 518},
                   "crop_size": {"height": 518, "width": 518}, "image_mean": [0.5307] * 3,
                   "image_std": [0.2583] * 3}, file)
    images = uniform("images", (16, 299, 299, 3), 0, 256).astype(np.uint8)
    np.save(os.path.join(folder, "inception-v3.npy"), images)
    np.save(os.path.join(folder, "rad-dino.npy"), uniform("pixels", (4, 518, 518, 3), -2, 2))


def peer(kind, encoder, dtype, folder):
    """A peer's process: prints `ready`, then the seconds of one pass for every line that it reads."""
    import time

    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    network = (inception_network if encoder == "inception-v3" else dino_network)()[0]
    x = np.load(os.path.join(folder, encoder + ".npy")).astype(np.float32)
    if encoder == "inception-v3":
        x = (x - 128) / 128
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    if kind == "openvino":
        import openvino

        model = openvino.convert_model(network, example_input=x[:1], input=[list(x.shape)])
        compiled = openvino.Core().compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": dtype, "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY"})
        request, array = compiled.create_infer_request(), x.numpy()
        run = lambda: request.infer([array])
    else:
        kinds = {"f32": torch.float32, "bf16": torch.bfloat16}
        network, x = network.to(kinds[dtype]), x.to(kinds[dtype])
        if kind == "torch-nhwc":
            network = network.to(memory_format=torch.channels_last)
            x = x.contiguous(memory_format=torch.channels_last)
        run = lambda: network(x)
    with torch.inference_mode():
        run()
        print("ready", flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            run()
            print(time.perf_counter() - start, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only")
    parser.add_argument("--dtype")
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(*options.peer)
    ours = os.path.join(here, "..", ".build", "release", "chexgen-bench")
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        print(f"{'images a second, medians of ' + str(options.rounds):34}{'chexgen':>9}"
              f"{'nchw':>9}{'nhwc':>9}{'OpenVINO':>10}{'/PyTorch':>10}{'/OpenVINO':>11}")
        for encoder, weights in (("inception-v3", "inception.pth"), ("rad-dino", "dino")):
            for dtype in ("f32", "bf16"):
                if options.only not in (None, encoder) or options.dtype not in (None, dtype):
                    continue
                inputs = os.path.join(folder, encoder + ".npy")
                sides = {"chexgen": start([ours, encoder, os.path.join(folder, weights), dtype, inputs], THREADS)}
                for kind in ("torch-nchw", "torch-nhwc", "openvino"):
                    sides[kind] = start([sys.executable, __file__, "--peer", kind, encoder, dtype, folder], THREADS)
                times = {side: [] for side in sides}
                for _ in range(options.rounds):
                    for side, process in sides.items():
                        process.stdin.write("\n")
                        process.stdin.flush()
                        times[side].append(float(process.stdout.readline().split()[0]))
                for process in sides.values():
                    process.stdin.close()
                    process.wait()
                rate = {side: BATCH[encoder] / statistics.median(values) for side, values in times.items()}
                torch_best = max(rate["torch-nchw"], rate["torch-nhwc"])
                print(f"{encoder + ' ' + dtype:34}{rate['chexgen']:9.2f}{rate['torch-nchw']:9.2f}"
                      f"{rate['torch-nhwc']:9.2f}{rate['openvino']:10.2f}{rate['chexgen'] / torch_best:10.2f}"
                      f"{rate['chexgen'] / rate['openvino']:11.2f}", flush=True)


if __name__ == "__main__":
    main()
