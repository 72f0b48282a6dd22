"""Transformers of text to image, at full width with few layers: a step of a denoiser at 512 x 512, guided where its model is guided
(batch 2), a text of 300 tokens of T5 and of Gemma 2, and a decode of Sana's whole autoencoder; chexgen beside PyTorch in both memory layouts,
torch.compile, OpenVINO and ONNX Runtime, in turns; medians, ratios and the share of the machine's peak, which is measured in the
same rounds.

    python benchmarks/text_to_image.py [--rounds N] [--only WORK] [--dtype f32|bf16] [--peers KIND ...]

The weights are random and stay, with what OpenVINO and ONNX Runtime read, in ~/.cache/chexgen-benchmarks/transformers.
"""

import argparse
import statistics
from pathlib import Path

import peers
from sides import BENCH, Side, serve

FOLDER = Path.home() / ".cache/chexgen-benchmarks/transformers"
# name: (kind, layers, title)
WORK = {"pixart": ("denoiser", 4, "PixArt-Sigma, guided step"), "sana": ("denoiser", 4, "Sana 0.6B, guided step"),
        "dc-ae": ("vae", None, "DC-AE, decode"), "sd3.5": ("denoiser", 3, "SD 3.5 Medium, guided step"),
        "flux": ("denoiser", 1, "FLUX.1, step"), "t5-xxl": ("text", 2, "T5-XXL, 300 tokens"),
        "gemma2": ("text", 2, "Gemma 2 2B, 300 tokens"), "lumina2": ("denoiser", 2, "Lumina 2, guided step")}
# The inputs by their files: latents and contexts as pipelines of the reference have them.
INPUTS = {"pixart": ["latents", "context"], "sana": ["latents32", "context2304"], "dc-ae": ["latents32-1"],
          "sd3.5": ["latents16", "context589", "pooled2048"], "flux": ["latents16-1", "context512", "pooled768"], "t5-xxl": ["ids"],
          "gemma2": ["ids"],
          "lumina2": ["latents16", "context256"]}
SHAPES = {"latents": (2, 64, 64, 4), "context": (2, 300, 4096), "latents16": (2, 64, 64, 16), "context589": (2, 589, 4096),
          "pooled2048": (2, 2048), "latents16-1": (1, 64, 64, 16), "context512": (1, 512, 4096), "pooled768": (1, 768),
          "latents32": (2, 16, 16, 32), "context2304": (2, 300, 2304), "latents32-1": (1, 16, 16, 32),
          "context256": (2, 256, 2304)}


def make(work):
    """The network of the reference, with random weights."""
    layers = WORK[work][1]
    if work == "pixart":
        return model_class(work)(sample_size=64, num_layers=layers, caption_channels=4096, interpolation_scale=1,
                                 use_additional_conditions=False)
    if work == "sana":
        return model_class(work)(
            sample_size=16, num_layers=layers, num_attention_heads=36, num_cross_attention_heads=16,
            cross_attention_head_dim=72, cross_attention_dim=1152)
    if work == "dc-ae":
        kinds = ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3
        return model_class(work)(
            encoder_block_types=kinds, decoder_block_types=kinds, downsample_block_type="conv",
            upsample_block_type="interpolate")
    if work == "sd3.5":
        # Half of the blocks have two attentions, and the last one gives no text.
        return model_class(work)(
            num_layers=layers, num_attention_heads=24, caption_projection_dim=1536, dual_attention_layers=(0,),
            qk_norm="rms_norm", pos_embed_max_size=64)
    if work == "lumina2":
        # One refiner of each kind beside the layers over text and image.
        return model_class(work)(num_layers=layers, num_refiner_layers=1, cap_feat_dim=2304)
    if work == "flux":
        return model_class(work)(num_layers=layers, num_single_layers=2 * layers, guidance_embeds=True)
    from transformers import Gemma2Config, Gemma2Model, T5Config, T5EncoderModel

    # A small vocabulary does: the table is looked up, not multiplied.
    if work == "gemma2":
        return Gemma2Model(Gemma2Config(vocab_size=512, num_hidden_layers=layers))
    return T5EncoderModel(T5Config(vocab_size=512, d_model=4096, d_kv=64, d_ff=10240, num_layers=layers, num_heads=64,
                                   feed_forward_proj="gated-gelu"))


def network(work, folder):
    import torch

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model_class(work).from_pretrained(folder / work)

        def forward(self, first, *texts):
            if work == "pixart":
                return self.net(first, texts[0], torch.tensor([500, 500]), {"resolution": None, "aspect_ratio": None},
                                return_dict=False)[0][:, :4]
            if work == "sana":
                return self.net(first, texts[0], torch.tensor([500, 500]), return_dict=False)[0]
            if work == "dc-ae":
                return self.net.decode(first, return_dict=False)[0]
            if work == "sd3.5":
                return self.net(first, *texts, torch.tensor([500.0, 500.0]), return_dict=False)[0]
            if work == "lumina2":
                mask = torch.ones(texts[0].shape[:2], dtype=torch.int64)
                return -self.net(first, torch.tensor([0.5, 0.5]), texts[0], mask, return_dict=False)[0]
            if work == "flux":
                return flux(self.net, first, *texts)
            if work == "gemma2":
                return self.net(first.long(), use_cache=False, return_dict=False)[0]
            return self.net(first.long(), return_dict=False)[0]

    return Plain().eval()


def flux(net, latents, context, pooled):
    """A pass as the pipeline of diffusers makes it."""
    import torch
    from diffusers import FluxPipeline

    count, channels, height, width = latents.shape
    places = FluxPipeline._prepare_latent_image_ids(1, height // 2, width // 2, "cpu", torch.float32)
    answer = net(FluxPipeline._pack_latents(latents, count, channels, height, width), context, pooled,
                 torch.tensor([0.5]), places, torch.zeros(context.shape[1], 3), torch.tensor([3.5]),
                 return_dict=False)[0]
    return FluxPipeline._unpack_latents(answer, 8 * height, 8 * width, 8)


def model_class(work):
    if work in ("t5-xxl", "gemma2"):
        import transformers

        return transformers.T5EncoderModel if work == "t5-xxl" else transformers.Gemma2Model
    import diffusers

    return getattr(diffusers, {"pixart": "PixArtTransformer2DModel", "sana": "SanaTransformer2DModel", "dc-ae": "AutoencoderDC",
                               "sd3.5": "SD3Transformer2DModel", "flux": "FluxTransformer2DModel",
                               "lumina2": "Lumina2Transformer2DModel"}[work])


def inputs(work, folder):
    """What the peers take: latents [N, C, H, W] and texts, or ids."""
    import numpy as np

    first, *rest = (np.load(folder / f"{name}.npy") for name in INPUTS[work])
    return [np.ascontiguousarray(np.moveaxis(first, -1, 1)) if first.ndim == 4 else first, *rest]


def prepare(works, folder):
    import numpy as np
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for work in works:
        if not (folder / work / "config.json").exists():
            make(work).save_pretrained(folder / work)
    generator = torch.Generator().manual_seed(1)
    for name, shape in SHAPES.items():
        np.save(folder / f"{name}.npy", torch.randn(shape, generator=generator).numpy())
    np.save(folder / "ids.npy", torch.randint(0, 512, (1, 300), generator=generator).numpy())


def operations(work, folder):
    """Multiplications and additions of a pass, in billions, as PyTorch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(work, folder)(*(torch.from_numpy(x) for x in inputs(work, folder)))
    return counter.get_total_flops() / 1e9


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=WORK)
    parser.add_argument("--dtype", choices=["f32", "bf16"])
    parser.add_argument("--peers", nargs="*", choices=peers.PEERS, default=peers.PEERS)
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--convert", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        kind, work, dtype, folder = options.peer
        run = peers.runner(kind, work, dtype, folder, lambda: network(work, Path(folder)), inputs(work, Path(folder)))
        return serve(lambda: run() is None)
    if options.convert:
        import torch

        kind, work, folder = options.convert
        examples = [torch.from_numpy(x) for x in inputs(work, Path(folder))]
        return peers.convert(kind, work, folder, lambda: network(work, Path(folder)), examples)
    prepare([options.only] if options.only else WORK, FOLDER)
    for work, (kind, _, title) in WORK.items():
        if options.only not in (None, work):
            continue
        count = operations(work, FOLDER)
        for dtype in [options.dtype] if options.dtype else ["f32", "bf16"]:
            files = [FOLDER / f"{name}.npy" for name in INPUTS[work]]
            words = ["diffusion", kind, FOLDER / work, dtype, *files, *(["3.5"] if work == "flux" else []),
                     FOLDER / f"{work}-{dtype}.npy"]
            sides = {"chexgen": Side([BENCH, *words], peers.THREADS)}
            sides |= peers.start(__file__, [kind for kind in peers.suited(dtype) if kind in options.peers], work, dtype, FOLDER)
            peak, rates = Side([BENCH, "diffusion", "peak", dtype], peers.THREADS), []
            for _ in range(options.rounds):
                peers.rounds(sides, 1)
                rates.append(peak.ask()[1])
            peers.report(f"{title}, {dtype}", sides)
            mine, best = sides["chexgen"].seconds(), statistics.median(rates)
            print(f"  {count / mine:.0f} GFLOP/s, {count / mine / best:.0%} of a peak of {best:.0f}", flush=True)
            for side in (*sides.values(), peak):
                side.end()


if __name__ == "__main__":
    main()
