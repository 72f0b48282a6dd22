"""Stable Diffusion 1.5 in f32 and bf16: a guided step of the UNet at 512 x 512 (batch 2) and a decode of the autoencoder,
chexgen beside PyTorch in both memory layouts, torch.compile, OpenVINO and ONNX Runtime; medians, ratios, the share of the
machine's peak, which is measured in the same rounds, and the memory of a whole picture.

    python benchmarks/diffusion.py [--rounds N] [--only unet|vae|picture] [--dtype f32|bf16] [--peers KIND ...] [--folder FOLDER]

All sides at once would not fit in the memory, so that each peer works in turns with chexgen alone. The weights are random; FOLDER
(default ~/.cache/chexgen-benchmarks/sd15, 12 GB) keeps them, and what OpenVINO and ONNX Runtime read, for the next time. Wants a
release build (`swift build -c release --package-path benchmarks`), the reference environment and 20 GB of memory.
"""

import argparse
import os
import statistics
from pathlib import Path

import peers
from sides import BENCH, Side, serve

HERE = Path(__file__).resolve().parent
# Multiplications and additions of a guided step and of a decode, in billions.
OPERATIONS = {"unet": 2 * 803.3, "vae": 2510.0}
WORK = {"unet": "guided UNet step", "vae": "VAE decode"}
FOLDER = Path.home() / ".cache/chexgen-benchmarks/sd15"


# What both sides run


def network(work, folder):
    """diffusers' network of the folder as a plain module: latents and context, or latents alone."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = (UNet2DConditionModel if work == "unet" else AutoencoderKL).from_pretrained(folder / work)

        def forward(self, latents, *context):
            if context:
                return self.net(latents, torch.tensor(500.0), context[0], return_dict=False)[0]
            return self.net.decode(latents, return_dict=False)[0]

    return Plain().eval()


def inputs(work, folder):
    """Latents [N, C, H, W] and, for the UNet, the context."""
    import numpy as np

    names = {"unet": ["latents", "context"], "vae": ["latent"]}[work]
    arrays = [np.load(folder / f"{name}.npy") for name in names]
    return [np.ascontiguousarray(np.moveaxis(arrays[0], -1, 1))] + arrays[1:]


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


# The benchmark


def compare(work, dtype, folder, kinds, rounds):
    """The lines of a network: ours beside each peer, then the share of the peak and how far the answers are apart."""
    import numpy as np

    answer = folder / f"{work}-{dtype}-chexgen.npy"
    files = [folder / "latents.npy", folder / "context.npy"] if work == "unet" else [folder / "latent.npy"]
    peak, rates, ours, ratios = Side([BENCH, "diffusion", "peak", dtype], peers.THREADS), [], [], {}
    for kind in kinds:
        sides = {"chexgen": Side([BENCH, "diffusion", "denoiser" if work == "unet" else work, folder / work, dtype, *files, answer], peers.THREADS)}
        sides |= peers.start(__file__, [kind], work, dtype, folder)
        for _ in range(rounds):
            peers.rounds(sides, 1)
            rates.append(peak.ask()[1])
        peers.report(f"{WORK[work]}, {dtype}", sides)
        ours.append(sides["chexgen"].seconds())
        ratios[kind] = sides[kind].seconds() / ours[-1]
        for side in sides.values():
            side.end()
    peak.end()
    mine = statistics.median(ours)
    best = min(ratios, key=ratios.get)
    print(f"{WORK[work]}, {dtype}: {mine:.2f} s, {OPERATIONS[work] / mine / max(rates):.0%} of a peak of {max(rates):.0f} GFLOP/s; "
          f"best peer: {peers.TITLES[best]}, {ratios[best]:.2f} times as long", flush=True)
    if "nchw" in kinds:
        found, wanted = np.load(answer), np.moveaxis(np.load(folder / f"{work}-{dtype}-nchw.npy"), 1, -1)
        print(f"  off PyTorch's answer by {np.linalg.norm(found - wanted) / np.linalg.norm(wanted):.1e} of it", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["unet", "vae", "picture"])
    parser.add_argument("--dtype", choices=["f32", "bf16"])
    parser.add_argument("--peers", nargs="*", choices=peers.PEERS, default=peers.PEERS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--convert", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        import numpy as np

        kind, work, dtype, folder = options.peer
        run = peers.runner(kind, work, dtype, folder, lambda: network(work, Path(folder)), inputs(work, Path(folder)))
        if kind == "nchw":
            np.save(os.path.join(folder, f"{work}-{dtype}-nchw.npy"), run())
        return serve(lambda: run() is None)
    if options.convert:
        import torch

        kind, work, folder = options.convert
        examples = [torch.from_numpy(x) for x in inputs(work, Path(folder))]
        return peers.convert(kind, work, folder, lambda: network(work, Path(folder)), examples)
    prepare(options.folder)
    for work in WORK:
        for dtype in [options.dtype] if options.dtype else ["f32", "bf16"]:
            if options.only in (None, work):
                kinds = [kind for kind in peers.suited(dtype) if kind in options.peers]
                compare(work, dtype, options.folder, kinds, options.rounds)
    if options.only in (None, "picture"):
        for dtype in [options.dtype] if options.dtype else ["f32", "bf16"]:
            side = Side([BENCH, "diffusion", "picture", options.folder, dtype, "2"], peers.THREADS)
            print(f"a picture of 512 x 512, 2 steps, {dtype}: {side.ask()[0]:.1f} s, at most {side.peak()} MiB")
            side.end()


if __name__ == "__main__":
    main()
