"""InceptionV3 (299 x 299, batch 16), RAD-DINO (518 x 518, batch 4), patient re-identification (256 x 256, batch 16) and BioViL-T's
image network (448 x 448, batch 4) in f32 and bf16: chexgen beside PyTorch, torch.compile, OpenVINO and ONNX Runtime, in turns; medians
over rounds.

    python benchmarks/encoders.py [--rounds N] [--only ENCODER] [--dtype f32|bf16] [--before PROGRAM]

--before names another build of chexgen-bench, which runs in the same rounds. Weights and converted networks stay in
~/.cache/chexgen-benchmarks/encoders.
"""

import argparse
import json
import os
import sys
import tempfile

import peers
from sides import BENCH, Side, serve

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "Tests", "Parity", "generators"))
FOLDER = os.path.expanduser("~/.cache/chexgen-benchmarks/encoders")
BATCH = {"inception-v3": 16, "rad-dino": 4, "patient-reid": 16, "biovil-t": 4}
WEIGHTS = {"inception-v3": "inception.pth", "rad-dino": "dino", "patient-reid": "reid.pth",
           "biovil-t": "biovil_t_image_model_proj_size_128.pt"}
SIDES = {"patient-reid": 256, "biovil-t": 448}


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


def reid_network():
    """The answers of one film after the sigmoid, and the whole network."""
    import torch

    from encoders_pairs import Siamese, fill

    whole = fill(Siamese(), "reid.")

    class Features(torch.nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            return torch.sigmoid(self.net(x))

    return Features(whole.model).eval(), whole


def biovil_network():
    from encoders_pairs import BioViLT, fill

    whole = fill(BioViLT(), "biovil.")
    return whole, whole


NETWORKS = {"inception-v3": inception_network, "rad-dino": dino_network, "patient-reid": reid_network,
            "biovil-t": biovil_network}


def prepare(folder):
    """Weights and inputs for every side, where they are not there yet."""
    import numpy as np
    import torch

    from formula import uniform

    os.makedirs(folder, exist_ok=True)
    for encoder, side in SIDES.items():
        path = os.path.join(folder, encoder + ".npy")
        if not os.path.exists(path):
            torch.save(NETWORKS[encoder]()[1].state_dict(), os.path.join(folder, WEIGHTS[encoder]))
            np.save(path, uniform(encoder, (BATCH[encoder], side, side, 3), 0, 1))
    if os.path.exists(os.path.join(folder, "rad-dino.npy")):
        return

    torch.save(inception_network()[1], os.path.join(folder, "inception.pth"))
    dino_network()[1].save_pretrained(os.path.join(folder, "dino"))
    with open(os.path.join(folder, "dino", "preprocessor_config.json"), "w") as file:
        json.dump({"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 518},
                   "crop_size": {"height": 518, "width": 518}, "image_mean": [0.5307] * 3,
                   "image_std": [0.2583] * 3}, file)
    images = uniform("images", (16, 299, 299, 3), 0, 256).astype(np.uint8)
    np.save(os.path.join(folder, "inception-v3.npy"), images)
    np.save(os.path.join(folder, "rad-dino.npy"), uniform("pixels", (4, 518, 518, 3), -2, 2))


def network(encoder):
    return NETWORKS[encoder]()[0]


def inputs(encoder, folder):
    """What PyTorch's network takes, [N, 3, H, W]."""
    import numpy as np

    x = np.load(os.path.join(folder, encoder + ".npy")).astype(np.float32)
    if encoder == "inception-v3":
        x = (x - 128) / 128
    return [np.ascontiguousarray(np.moveaxis(x, -1, 1))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=BATCH)
    parser.add_argument("--dtype", choices=["f32", "bf16"])
    parser.add_argument("--peers", nargs="*", choices=peers.PEERS, default=peers.PEERS)
    parser.add_argument("--before", help="another build of chexgen-bench")
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--convert", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        kind, encoder, dtype, folder = options.peer
        run = peers.runner(kind, encoder, dtype, folder, lambda: network(encoder), inputs(encoder, folder))
        return serve(lambda: run() is None)
    if options.convert:
        import torch

        kind, encoder, folder = options.convert
        examples = [torch.from_numpy(x) for x in inputs(encoder, folder)]
        return peers.convert(kind, encoder, folder, lambda: network(encoder), examples)
    prepare(FOLDER)
    for encoder in BATCH:
        for dtype in ("f32", "bf16"):
            if options.only not in (None, encoder) or options.dtype not in (None, dtype):
                continue
            words = ["encoders", encoder, os.path.join(FOLDER, WEIGHTS[encoder]), dtype,
                     os.path.join(FOLDER, encoder + ".npy")]
            sides = {"chexgen": Side([BENCH, *words], peers.THREADS)}
            if options.before:
                sides["before"] = Side([options.before, *words], peers.THREADS)
            kinds = [kind for kind in peers.suited(dtype) if kind in options.peers]
            sides |= peers.start(os.path.abspath(__file__), kinds, encoder, dtype, FOLDER)
            peers.rounds(sides, options.rounds)
            peers.report(f"{encoder}, {dtype}, batch {BATCH[encoder]}", sides, BATCH[encoder])
            for side in sides.values():
                side.end()


if __name__ == "__main__":
    main()
