"""Builds pipelines whose denoiser is a transformer, with fresh random weights, and compares chexgen's pictures with diffusers'
for the same seeds.

    python diffusion_transformers.py [--seed S] [--only NAME] [--chexgen PATH] [--keep FOLDER]

As diffusion_pipeline.py, whose parts it shares: ids equal, text features and one answer of the denoiser within 1e-4 of their
norm (f32) and 3e-2 (bf16), pictures within 3 grey levels.
"""

import argparse
import inspect
import random
import sys
import tempfile
from pathlib import Path

from diffusion_pipeline import HERE, PROMPTS, Report, ours, spread

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (AutoencoderDC, AutoencoderKL, PixArtSigmaPipeline, PixArtTransformer2DModel, SanaPipeline,
                       SanaTransformer2DModel)

PIECES = HERE.parent / "fixtures/tokenizers/pieces"
SCRIPT = """
local model, tensor = require "chexgen.model", require "chexgen.tensor"
local out, prompts, runs = OUT, PROMPTS, RUNS
local inputs = tensor.load(out .. "/inputs.safetensors")
for _, dtype in ipairs { "f32", "bf16" } do
  local pipe = model.pipeline(SOURCE, { dtype = dtype })
  local answers = {}
  local context, details = pipe:encode_prompt(prompts)
  answers.context, answers.mask = context, details.mask
  answers.denoiser = pipe.transformer:forward(inputs.latents, 501, inputs.context, { mask = inputs.mask })
  tensor.save(out .. "/answers-" .. dtype .. ".safetensors", answers)
  if dtype == "f32" then
    for i, run in ipairs(runs) do
      local pictures = {}
      for j, picture in ipairs(pipe:generate(run)) do pictures[j] = picture:tensor() end
      tensor.save(out .. "/run" .. i .. ".npy", tensor.stack(pictures, 1))
    end
  end
end
"""


PIXART = {"resolution": None, "aspect_ratio": None}


@torch.no_grad()
def pixart(draw):
    """PixArt-Sigma with fresh weights, at a size that has bins."""
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    tokenizer = transformers.T5Tokenizer(str(PIECES / "t5/spiece.model"), legacy=True)
    width = draw.choice([48, 64])
    text = spread(transformers.T5EncoderModel(transformers.T5Config(
        vocab_size=len(tokenizer) + 3, d_model=width, d_kv=draw.choice([8, 16]), d_ff=2 * width, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu")), generator)
    for name, parameter in text.named_parameters():
        if name.endswith(".q.weight"):
            parameter.data *= text.config.d_kv ** -0.5
    transformer = spread(PixArtTransformer2DModel(
        sample_size=32, num_attention_heads=4, attention_head_dim=12, cross_attention_dim=48, num_layers=2,
        caption_channels=width, interpolation_scale=1, use_additional_conditions=False), generator)
    vae = spread(AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 64, 64), layers_per_block=1, scaling_factor=0.13025), generator)
    latents = torch.randn(1, 4, 16, 16, generator=generator)
    states = torch.randn(1, 20, width, generator=generator)
    answer = transformer(latents, states, torch.tensor([500]), PIXART).sample[:, :4]
    transformer.proj_out.weight.data *= 0.7 / answer.std()
    picture = vae.decode(latents / vae.config.scaling_factor).sample
    vae.decoder.conv_out.weight.data *= 0.4 / picture.std()
    return PixArtSigmaPipeline(
        tokenizer=tokenizer, text_encoder=text, vae=vae, transformer=transformer,
        scheduler=diffusers.DPMSolverMultistepScheduler())


@torch.no_grad()
def sana(draw):
    """Sana with fresh weights, at the smallest size that has bins."""
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    tokenizer = transformers.GemmaTokenizer(str(PIECES / "gemma/tokenizer.model"))
    width = draw.choice([48, 64])
    text = spread(transformers.Gemma2Model(transformers.Gemma2Config(
        vocab_size=len(tokenizer) + 3, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=draw.choice([8, 16]), query_pre_attn_scalar=16)), generator)
    options = draw.choice([{}, {"qk_norm": "rms_norm_across_heads", "attention_bias": True, "interpolation_scale": 1}])
    transformer = spread(SanaTransformer2DModel(
        sample_size=16, in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=12,
        num_cross_attention_heads=2, cross_attention_head_dim=24, cross_attention_dim=48, num_layers=2,
        caption_channels=width, **options), generator)
    kinds = ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3
    halves = {"block_out_channels": [8, 8, 16, 16, 32, 32], "layers_per_block": [1] * 6, "block_types": kinds,
              "qkv_multiscales": [[], [], [], [5], [5], [5]]}
    vae = spread(AutoencoderDC(
        latent_channels=8, attention_head_dim=8, downsample_block_type="conv", upsample_block_type="interpolate",
        scaling_factor=0.41407, **{f"{half}_{key}": value for half in ("encoder", "decoder") for key, value in halves.items()}),
        generator)
    latents = torch.randn(1, 8, 16, 16, generator=generator)
    states = torch.randn(1, 20, width, generator=generator)
    transformer.proj_out.weight.data *= 0.7 / transformer(latents, states, torch.tensor([500])).sample.std()
    vae.decoder.conv_out.weight.data *= 0.4 / vae.decode(latents / vae.config.scaling_factor).sample.std()
    return SanaPipeline(
        tokenizer=tokenizer, text_encoder=text, vae=vae, transformer=transformer,
        scheduler=diffusers.DPMSolverMultistepScheduler(
            use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0))


def instructed(run):
    """SanaPipeline's argument for our option: its own instruction, none, or a text."""
    given = run.get("instruction", True)
    own = inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default
    return {"complex_human_instruction": own if given is True else [given] if given else None}


# name: (what builds it, the class, arguments of its prompts, of its denoiser, and of a run)
FAMILIES = {
    "pixart": (pixart, PixArtSigmaPipeline, {"clean_caption": True}, {"added_cond_kwargs": PIXART},
               lambda run: {"height": run.get("height"), "width": run.get("width")}),
    "sana": (sana, SanaPipeline, instructed({}), {},
             lambda run: {key: run[key] for key in ("height", "width") if key in run} | instructed(run)),
}


@torch.no_grad()
def check(name, draw, chexgen, folder, report):
    from safetensors.numpy import load_file, save_file

    build, kind, of_prompts, of_denoiser, of_run = FAMILIES[name]
    build(draw).save_pretrained(folder / "model")
    pipe = kind.from_pretrained(folder / "model")
    pipe.set_progress_bar_config(disable=True)
    wanted, mask, *_ = pipe.encode_prompt(PROMPTS, False, **of_prompts)
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    channels = pipe.transformer.config.in_channels
    latents = torch.randn(2, channels, 10, 14, generator=generator)
    last = lambda x: np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())
    save_file({"latents": last(latents), "context": wanted[1:3].numpy().copy(), "mask": mask[1:3].numpy().copy()},
              folder / "inputs.safetensors")
    answer = pipe.transformer(latents, wanted[1:3], torch.tensor([501, 501]), encoder_attention_mask=mask[1:3],
                              **of_denoiser).sample[:, :channels]
    seed = lambda: draw.randrange(1 << 32)
    runs = [
        {"prompt": [PROMPTS[1]], "seed": [seed()], "steps": 8},
        {"prompt": [PROMPTS[2]], "negative_prompt": [PROMPTS[1]], "seed": [seed()], "steps": 6, "width": 344, "height": 200,
         "guidance_scale": 2.5},
        {"prompt": PROMPTS[3:6], "negative_prompt": [PROMPTS[4], "", PROMPTS[2]], "seed": [seed() for _ in range(3)],
         "steps": 5, "width": 120, "height": 260, "max_sequence_length": 77},
        {"prompt": [PROMPTS[0]], "seed": [seed()], "steps": 5, "guidance_scale": 1.0},
    ]
    if name == "sana":
        runs[2]["instruction"], runs[3]["instruction"] = False, "A radiograph. Prompt: "
    ours(chexgen, str(folder / "model"), folder, PROMPTS, runs, SCRIPT)
    for dtype, limit in (("f32", 1e-4), ("bf16", 3e-2)):
        answers = load_file(folder / f"answers-{dtype}.safetensors")
        report.line(name, f"{dtype}: masks equal", (answers["mask"] == mask.numpy()).all())
        for what, found, expected in (("context", answers["context"], wanted.numpy()),
                                      ("denoiser", answers["denoiser"], last(answer))):
            error = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
            report.line(name, f"{dtype}: {what}: relative error {error:.2g} ({limit:g})", error < limit)
    for index, run in enumerate(runs, 1):
        found = np.load(folder / f"run{index}.npy").astype(int)
        pictures = np.stack([np.asarray(picture) for picture in pipe(
            run["prompt"], negative_prompt=run.get("negative_prompt", ""), num_inference_steps=run["steps"],
            guidance_scale=run.get("guidance_scale", 4.5), max_sequence_length=run.get("max_sequence_length", 300),
            **of_run(run), generator=[torch.Generator().manual_seed(seed) for seed in run["seed"]]).images]).astype(int)
        worst = int(abs(found - pictures).max()) if found.shape == pictures.shape else 256
        report.line(name, f"{len(pictures)} x {pictures.shape[2]}x{pictures.shape[1]}: {worst} grey levels (3), "
                    f"std {pictures.std():.0f}", worst <= 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only", choices=FAMILIES)
    parser.add_argument("--chexgen", default=HERE.parent.parent.parent / ".build/release/chexgen")
    parser.add_argument("--keep", type=Path, help="an empty folder for the pipelines, which then stay")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        for name in [options.only] if options.only else FAMILIES:
            folder = (options.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            check(name, random.Random(f"{options.seed} {name}"), options.chexgen, folder, report)
    if report.failures:
        sys.exit(f"{report.failures} checks failed")


if __name__ == "__main__":
    main()
