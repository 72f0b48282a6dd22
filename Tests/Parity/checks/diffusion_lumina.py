"""Builds a Lumina 2 pipeline with fresh random weights, and compares chexgen's pictures with diffusers' for the same seeds.

    python diffusion_lumina.py [--seed S] [--chexgen PATH] [--keep FOLDER]

As diffusion_transformers.py: text features and one answer of the denoiser within 1e-4 of their norm (f32) and 3e-2 (bf16),
masks equal, pictures within 3 grey levels.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from diffusion_pipeline import HERE, PROMPTS, Report, ours, spread
from diffusion_transformers import PIECES, SCRIPT

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, Lumina2Pipeline, Lumina2Transformer2DModel


@torch.no_grad()
def build(draw):
    """Lumina 2 with fresh weights and heads of keys that several queries share."""
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    tokenizer = transformers.GemmaTokenizer(str(PIECES / "gemma/tokenizer.model"))
    width = draw.choice([48, 64])
    text = spread(transformers.Gemma2Model(transformers.Gemma2Config(
        vocab_size=len(tokenizer) + 3, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=16)), generator)
    transformer = spread(Lumina2Transformer2DModel(
        sample_size=16, hidden_size=96, num_layers=draw.choice([2, 3]), num_refiner_layers=draw.choice([1, 2]),
        num_attention_heads=4, num_kv_heads=draw.choice([2, 4]), multiple_of=32, axes_dim_rope=(8, 8, 8),
        cap_feat_dim=width), generator)
    vae = spread(AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 64, 64), layers_per_block=1, latent_channels=16, scaling_factor=0.3611,
        shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False), generator)
    latents = torch.randn(1, 16, 16, 16, generator=generator)
    states = torch.randn(1, 20, width, generator=generator)
    answer = transformer(latents, torch.tensor([0.5]), states, torch.ones(1, 20, dtype=torch.int64)).sample
    transformer.norm_out.linear_2.weight.data *= 0.7 / answer.std()
    picture = vae.decode(latents / vae.config.scaling_factor + vae.config.shift_factor).sample
    vae.decoder.conv_out.weight.data *= 0.4 / picture.std()
    return Lumina2Pipeline(
        tokenizer=tokenizer, text_encoder=text, vae=vae, transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=draw.choice([1.0, 6.0])))


@torch.no_grad()
def check(name, draw, chexgen, folder, report):
    from safetensors.numpy import load_file, save_file

    build(draw).save_pretrained(folder / "model")
    pipe = Lumina2Pipeline.from_pretrained(folder / "model")
    pipe.set_progress_bar_config(disable=True)
    wanted, mask, *_ = pipe.encode_prompt(PROMPTS, False)
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    latents = torch.randn(2, 16, 10, 14, generator=generator)
    last = lambda x: np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())
    save_file({"latents": last(latents), "context": wanted[1:3].numpy().copy(), "mask": mask[1:3].numpy().copy()},
              folder / "inputs.safetensors")
    answer = -pipe.transformer(latents, (1 - torch.tensor(501.0) / 1000).expand(2), wanted[1:3], mask[1:3]).sample
    seed = lambda: draw.randrange(1 << 32)
    runs = [
        {"prompt": [PROMPTS[1]], "seed": [seed()], "steps": 8, "cfg_trunc_ratio": 0.25},
        {"prompt": [PROMPTS[2]], "negative_prompt": [PROMPTS[1]], "seed": [seed()], "steps": 6, "width": 336, "height": 208,
         "guidance_scale": 2.5},
        {"prompt": PROMPTS[3:6], "negative_prompt": [PROMPTS[4], "", PROMPTS[2]], "seed": [seed() for _ in range(3)],
         "steps": 5, "width": 112, "height": 256, "max_sequence_length": 77, "cfg_normalization": False},
        {"prompt": [PROMPTS[0]], "seed": [seed()], "steps": 5, "guidance_scale": 1.0, "system_prompt": "A radiograph."},
    ]
    ours(chexgen, str(folder / "model"), folder, PROMPTS, runs, SCRIPT)
    seen = mask.numpy().astype(bool)
    for dtype, limit in (("f32", 1e-4), ("bf16", 3e-2)):
        answers = load_file(folder / f"answers-{dtype}.safetensors")
        report.line(name, f"{dtype}: masks equal", (answers["mask"] == mask.numpy()).all())
        for what, found, expected in (("context", answers["context"][seen], wanted.numpy()[seen]),
                                      ("denoiser", answers["denoiser"], last(answer))):
            error = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
            report.line(name, f"{dtype}: {what}: relative error {error:.2g} ({limit:g})", error < limit)
    for index, run in enumerate(runs, 1):
        found = np.load(folder / f"run{index}.npy").astype(int)
        options = {key: run[key] for key in ("max_sequence_length", "cfg_trunc_ratio", "cfg_normalization", "system_prompt")
                   if key in run}
        pictures = np.stack([np.asarray(picture) for picture in pipe(
            run["prompt"], negative_prompt=run.get("negative_prompt", [""] * len(run["prompt"])),
            num_inference_steps=run["steps"], guidance_scale=run.get("guidance_scale", 4.0), height=run.get("height"),
            width=run.get("width"), generator=[torch.Generator().manual_seed(seed) for seed in run["seed"]],
            **options).images]).astype(int)
        worst = int(abs(found - pictures).max()) if found.shape == pictures.shape else 256
        report.line(name, f"{len(pictures)} x {pictures.shape[2]}x{pictures.shape[1]}: {worst} grey levels (3), "
                    f"std {pictures.std():.0f}", worst <= 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--chexgen", default=HERE.parent.parent.parent / ".build/release/chexgen")
    parser.add_argument("--keep", type=Path, help="an empty folder for the pipeline, which then stays")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)) / "lumina2"
        folder.mkdir(parents=True)
        check("lumina2", random.Random(f"{options.seed} lumina2"), options.chexgen, folder, report)
    if report.failures:
        sys.exit(f"{report.failures} checks failed")


if __name__ == "__main__":
    main()
