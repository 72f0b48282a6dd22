"""Stable Diffusion 1.5 in f32 and bf16: a guided step of the UNet at 512 x 512 (batch 2) and a decode of the autoencoder,
chexgen beside PyTorch in both memory layouts and OpenVINO, in turns, two threads each: medians over rounds, ratios, the
share of the machine's peak, which is measured in the same rounds, and the memory of a whole picture.

    python benchmarks/diffusion.py [--rounds N] [--only unet|vae|picture] [--dtype f32|bf16] [--folder FOLDER]

The weights are random; FOLDER (default ~/.cache/chexgen-benchmarks/sd15, 8 GB) keeps them, and OpenVINO's copy, for the
next time. Wants a release build (`swift build -c release --package-path benchmarks`), the reference environment and 16 GB
of memory.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from sides import BENCH, Side

HERE = Path(__file__).resolve().parent
THREADS = 2
# Multiplications and additions of a guided step and of a decode, in billions.
OPERATIONS = {"unet": 2 * 803.3, "vae": 2510.0}
WORK = {"unet": "guided UNet step", "vae": "VAE decode"}


# What both sides run


def network(kind, folder):
    """diffusers' network of the folder as a plain module: latents and context, or latents alone."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = (UNet2DConditionModel if kind == "unet" else AutoencoderKL).from_pretrained(folder / kind)

        def forward(self, latents, *context):
            if context:
                return self.net(latents, torch.tensor(500.0), context[0], return_dict=False)[0]
            return self.net.decode(latents, return_dict=False)[0]

    return Plain().eval()


def inputs(kind, folder):
    """Latents [N, C, H, W] and, for the UNet, the context."""
    import numpy as np
    import torch

    names = {"unet": ["latents", "context"], "vae": ["latent"]}[kind]
    arrays = [torch.from_numpy(np.load(folder / f"{name}.npy")) for name in names]
    return [arrays[0].permute(0, 3, 1, 2).contiguous()] + arrays[1:]


def prepare(folder):
    """Saves what is missing of a pipeline of full size with random weights, in diffusers' layout."""
    import numpy as np
    import torch
    import transformers
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    lacks = lambda name: not any((folder / name).glob("*.safetensors"))
    if lacks("unet"):
        UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).save_pretrained(folder / "unet")
    if lacks("vae"):
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512).save_pretrained(folder / "vae")
    if lacks("text_encoder"):
        transformers.CLIPTextModel(transformers.CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_attention_heads=12)).save_pretrained(folder / "text_encoder")
    # A small vocabulary does: the length of a text is the same.
    words = HERE.parent / "Tests/Parity/fixtures/tokenizers/clip"
    transformers.CLIPTokenizer(
        str(words / "vocab.json"), str(words / "merges.txt"), model_max_length=77).save_pretrained(folder / "tokenizer")
    PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "PNDMScheduler"], '
        '"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"], '
        '"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}\n')
    generator = torch.Generator().manual_seed(1)
    for name, shape in {"latents": (2, 64, 64, 4), "context": (2, 77, 768), "latent": (1, 64, 64, 4)}.items():
        np.save(folder / f"{name}.npy", torch.randn(shape, generator=generator).numpy())


def convert(kind, folder):
    """Saves OpenVINO's form of a network."""
    import openvino
    import torch

    examples = inputs(kind, folder)
    with torch.inference_mode():
        model = openvino.convert_model(
            network(kind, folder), example_input=tuple(examples), input=[list(x.shape) for x in examples])
    openvino.save_model(model, folder / f"openvino/{kind}.xml", compress_to_fp16=False)


# The peers' processes


def torch_peer(layout, kind, dtype, folder):
    import time

    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    precision = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    order = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}[layout]
    net = network(kind, folder).to(precision).to(memory_format=order)
    latents, *context = (x.to(precision) for x in inputs(kind, folder))
    latents = latents.contiguous(memory_format=order)
    with torch.inference_mode():
        answer = net(latents, *context).permute(0, 2, 3, 1).float().contiguous()
        np.save(folder / f"{kind}-{dtype}-{layout}.npy", answer.numpy())
        print("ready", flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            net(latents, *context)
            print(time.perf_counter() - start, flush=True)


def openvino_peer(_, kind, dtype, folder):
    import time

    import openvino

    compiled = openvino.Core().compile_model(folder / f"openvino/{kind}.xml", "CPU", {
        "INFERENCE_PRECISION_HINT": dtype, "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY"})
    request, arrays = compiled.create_infer_request(), [x.numpy() for x in inputs(kind, folder)]
    request.infer(arrays)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        request.infer(arrays)
        print(time.perf_counter() - start, flush=True)


ROLES = {"nchw": torch_peer, "nhwc": torch_peer, "OpenVINO": openvino_peer}


# The benchmark


def compare(kind, dtype, folder, rounds):
    """One line of the table."""
    import numpy as np

    answer = folder / f"{kind}-{dtype}-chexgen.npy"
    files = [folder / "latents.npy", folder / "context.npy"] if kind == "unet" else [folder / "latent.npy"]
    sides = {"chexgen": Side([BENCH, "diffusion", kind, folder / kind, dtype, *files, answer], THREADS)}
    for role in ROLES:
        sides[role] = Side([sys.executable, __file__, "--role", role, kind, dtype, folder], THREADS)
    peak = Side([BENCH, "diffusion", "peak", dtype], THREADS)
    times = {side: [] for side in sides}
    rates = []
    for _ in range(rounds):
        for side, process in sides.items():
            times[side].append(process.ask()[0])
        rates.append(peak.ask()[1])
    for process in (*sides.values(), peak):
        process.end()
    median = {side: statistics.median(values) for side, values in times.items()}
    found, wanted = np.load(answer), np.load(folder / f"{kind}-{dtype}-nchw.npy")
    difference = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    best, mine = min(median["nchw"], median["nhwc"]), median["chexgen"]
    share = OPERATIONS[kind] / mine / max(rates)
    print(f"{WORK[kind] + ' ' + dtype:24}" + "".join(f"{seconds:10.2f}" for seconds in median.values())
          + f"{best / mine:10.2f}{median['OpenVINO'] / mine:11.2f}{max(rates):9.0f}{share:7.0%}{difference:12.1e}",
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["unet", "vae", "picture"])
    parser.add_argument("--dtype", choices=["f32", "bf16"])
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/chexgen-benchmarks/sd15")
    parser.add_argument("--role", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        role, kind, dtype, folder = options.role
        return ROLES[role](role, kind, dtype, Path(folder)) if role in ROLES else convert(kind, Path(folder))
    prepare(options.folder)
    dtypes = [options.dtype] if options.dtype else ["f32", "bf16"]
    kinds = [kind for kind in WORK if options.only in (None, kind)]
    for kind in kinds:
        if not (options.folder / f"openvino/{kind}.xml").exists():
            # In a process of its own, which gives its memory back.
            subprocess.run([sys.executable, __file__, "--role", "convert", kind, "-", options.folder], check=True)
    if kinds:
        print(f"{'seconds, medians of ' + str(options.rounds):24}{'chexgen':>10}{'nchw':>10}{'nhwc':>10}{'OpenVINO':>10}"
              f"{'/PyTorch':>10}{'/OpenVINO':>11}{'GFLOP/s':>9}{'share':>7}{'difference':>12}")
    for kind in kinds:
        for dtype in dtypes:
            compare(kind, dtype, options.folder, options.rounds)
    if options.only in (None, "picture"):
        for dtype in dtypes:
            side = Side([BENCH, "diffusion", "picture", options.folder, dtype, "2"], THREADS)
            print(f"a picture of 512 x 512, 2 steps, {dtype}: {side.ask()[0]:.1f} s, at most {side.peak()} MiB")
            side.end()


if __name__ == "__main__":
    main()
