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
from diffusers import (
    AutoencoderDC, AutoencoderKL, FluxPipeline, FluxTransformer2DModel, PixArtSigmaPipeline, PixArtTransformer2DModel,
    SanaPipeline, SanaTransformer2DModel, SD3Transformer2DModel, StableDiffusion3Pipeline)

PIECES = HERE.parent / "fixtures/tokenizers/pieces"
SCRIPT = """
local model, tensor = require "chexgen.model", require "chexgen.tensor"
local out, prompts, runs = OUT, PROMPTS, RUNS
local inputs = tensor.load(out .. "/inputs.safetensors")
for _, dtype in ipairs { "f32", "bf16" } do
  local pipe = model.pipeline(SOURCE, { dtype = dtype })
  local answers = {}
  local context, details = pipe:encode_prompt(prompts)
  answers.context, answers.mask, answers.pooled = context, details.mask, details.pooled
  local more = { mask = inputs.mask, pooled = inputs.pooled, guidance = GUIDANCE }
  answers.denoiser = pipe.transformer:forward(inputs.latents, 501, inputs.context, more)
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


def t5(width, draw, generator):
    """A T5 of a tokenizer's vocabulary, and the tokenizer's file."""
    file = str(PIECES / "t5/spiece.model")
    size = len(transformers.T5Tokenizer(file, legacy=True)) + 3
    text = spread(transformers.T5EncoderModel(transformers.T5Config(
        vocab_size=size, d_model=width, d_kv=draw.choice([8, 16]), d_ff=2 * width, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu")), generator)
    for name, parameter in text.named_parameters():
        if name.endswith(".q.weight"):
            parameter.data *= text.config.d_kv ** -0.5
    return file, text


def clip(kind, width, generator, pad, end=None, **options):
    """A CLIP with its tokenizer."""
    fixtures = HERE.parent / "fixtures/tokenizers/clip"
    tokenizer = transformers.CLIPTokenizer(
        str(fixtures / "vocab.json"), str(fixtures / "merges.txt"), model_max_length=77, pad_token=pad)
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=3 * width, num_hidden_layers=3,
        num_attention_heads=4, bos_token_id=tokenizer.bos_token_id, eos_token_id=end or tokenizer.eos_token_id, **options)
    return tokenizer, spread(kind(config), generator)


def autoencoder(generator, **options):
    return spread(AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 64, 64), layers_per_block=1, **options), generator)


def scale(vae, generator, transformer, answer):
    """Gives answers and pictures sizes that are useful."""
    transformer.proj_out.weight.data *= 0.7 / answer.std()
    latents = torch.randn(1, vae.config.latent_channels, 16, 16, generator=generator)
    picture = vae.decode(latents / vae.config.scaling_factor).sample
    vae.decoder.conv_out.weight.data *= 0.4 / picture.std()


class PixArt:
    guidance = None

    def build(self, draw, generator):
        """PixArt-Sigma with fresh weights, at a size that has bins."""
        width = draw.choice([48, 64])
        file, text = t5(width, draw, generator)
        transformer = spread(PixArtTransformer2DModel(
            sample_size=32, num_attention_heads=4, attention_head_dim=12, cross_attention_dim=48, num_layers=2,
            caption_channels=width, interpolation_scale=1, use_additional_conditions=False), generator)
        vae = autoencoder(generator, scaling_factor=0.13025)
        states = torch.randn(1, 20, width, generator=generator)
        pipe = PixArtSigmaPipeline(
            tokenizer=transformers.T5Tokenizer(file, legacy=True), text_encoder=text, vae=vae, transformer=transformer,
            scheduler=diffusers.DPMSolverMultistepScheduler())
        scale(vae, generator, transformer, self.answer(pipe, torch.randn(1, 4, 16, 16, generator=generator),
                                                       {"context": states, "mask": torch.ones(1, 20)}))
        return pipe

    def encode(self, pipe):
        context, mask, *_ = pipe.encode_prompt(PROMPTS, False, clean_caption=True)
        return {"context": context, "mask": mask}

    def answer(self, pipe, latents, texts):
        return pipe.transformer(
            latents, texts["context"], torch.full((len(latents),), 501), {"resolution": None, "aspect_ratio": None},
            encoder_attention_mask=texts["mask"]).sample[:, :4]

    def arguments(self, run):
        return {"negative_prompt": ""} | run

    def runs(self, seed):
        return [
            {"prompt": [PROMPTS[1]], "seed": [seed()], "steps": 8},
            {"prompt": [PROMPTS[2]], "negative_prompt": [PROMPTS[1]], "seed": [seed()], "steps": 6, "width": 344,
             "height": 200, "guidance_scale": 2.5},
            {"prompt": PROMPTS[3:6], "negative_prompt": [PROMPTS[4], "", PROMPTS[2]], "seed": [seed() for _ in range(3)],
             "steps": 5, "width": 120, "height": 260, "max_sequence_length": 77},
            {"prompt": [PROMPTS[0]], "seed": [seed()], "steps": 5, "guidance_scale": 1.0},
        ]


class Sana(PixArt):
    def build(self, draw, generator):
        """Sana with fresh weights, at the smallest size that has bins."""
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
        pipe = SanaPipeline(
            tokenizer=tokenizer, text_encoder=text, vae=vae, transformer=transformer,
            scheduler=diffusers.DPMSolverMultistepScheduler(
                use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0))
        texts = {"context": torch.randn(1, 20, width, generator=generator), "mask": torch.ones(1, 20)}
        scale(vae, generator, transformer, self.answer(pipe, torch.randn(1, 8, 16, 16, generator=generator), texts))
        return pipe

    def encode(self, pipe):
        context, mask, *_ = pipe.encode_prompt(PROMPTS, False, **self.instructed({}))
        return {"context": context, "mask": mask}

    def answer(self, pipe, latents, texts):
        return pipe.transformer(latents, texts["context"], torch.full((len(latents),), 501),
                                encoder_attention_mask=texts["mask"]).sample[:, :latents.shape[1]]

    def instructed(self, run):
        """SanaPipeline's argument for our option: its own instruction, none, or a text."""
        given = run.get("instruction", True)
        own = inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default
        return {"complex_human_instruction": own if given is True else [given] if given else None}

    def arguments(self, run):
        others = {key: value for key, value in run.items() if key != "instruction"}
        return super().arguments(others) | self.instructed(run)

    def runs(self, seed):
        runs = super().runs(seed)
        runs[2]["instruction"], runs[3]["instruction"] = False, "A radiograph. Prompt: "
        return runs


class SD3:
    """Stable Diffusion 3.5, or, plain, 3.0 without T5 and with a shift that depends on the size."""

    guidance = None

    def __init__(self, is_plain):
        self.is_plain = is_plain

    def build(self, draw, generator):
        kind = transformers.CLIPTextModelWithProjection
        first = clip(kind, 48, generator, "<|endoftext|>", draw.choice([None, 2]), projection_dim=24, hidden_act="quick_gelu")
        second = clip(kind, 32, generator, "!", draw.choice([None, 2]), projection_dim=40, hidden_act="gelu")
        file, text = t5(96, draw, generator)
        more = {} if self.is_plain else {"dual_attention_layers": (0, 1), "qk_norm": "rms_norm"}
        transformer = spread(SD3Transformer2DModel(
            sample_size=16, num_attention_heads=4, attention_head_dim=12, caption_projection_dim=48, num_layers=3,
            joint_attention_dim=96, pooled_projection_dim=64, pos_embed_max_size=24, **more), generator)
        vae = autoencoder(generator, latent_channels=16, use_quant_conv=False, use_post_quant_conv=False,
                          scaling_factor=1.5305, shift_factor=0.0609)
        pipe = StableDiffusion3Pipeline(
            transformer=transformer, vae=vae, text_encoder=first[1], tokenizer=first[0], text_encoder_2=second[1],
            tokenizer_2=second[0], text_encoder_3=None if self.is_plain else text,
            tokenizer_3=None if self.is_plain else transformers.T5TokenizerFast(file),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=self.is_plain))
        texts = {"context": torch.randn(1, 20, 96, generator=generator), "pooled": torch.randn(1, 64, generator=generator)}
        scale(vae, generator, transformer, self.answer(pipe, torch.randn(1, 16, 16, 16, generator=generator), texts))
        return pipe

    def encode(self, pipe):
        context, _, pooled, _ = pipe.encode_prompt(
            PROMPTS, None, None, do_classifier_free_guidance=False)
        return {"context": context, "pooled": pooled}

    def answer(self, pipe, latents, texts):
        return pipe.transformer(latents, texts["context"], texts["pooled"], torch.full((len(latents),), 501.0)).sample

    def arguments(self, run):
        return run

    def runs(self, seed):
        return [
            {"prompt": [PROMPTS[1]], "seed": [seed()], "steps": 8},
            {"prompt": [PROMPTS[2]], "negative_prompt": [PROMPTS[1]], "seed": [seed()], "steps": 6, "width": 176,
             "height": 96, "guidance_scale": 2.5},
            {"prompt": PROMPTS[3:6], "negative_prompt": [PROMPTS[4], "", PROMPTS[2]], "seed": [seed() for _ in range(3)],
             "steps": 5, "width": 80, "height": 208, "max_sequence_length": 77},
            {"prompt": [PROMPTS[0]], "seed": [seed()], "steps": 5, "guidance_scale": 1.0},
        ]


class Flux:
    def __init__(self, guidance):
        self.guidance = guidance

    def build(self, draw, generator):
        text, encoder = clip(transformers.CLIPTextModel, 48, generator, "<|endoftext|>", draw.choice([None, 2]))
        file, t5_encoder = t5(64, draw, generator)
        transformer = spread(FluxTransformer2DModel(
            num_attention_heads=3, attention_head_dim=16, num_layers=2, num_single_layers=3, joint_attention_dim=64,
            pooled_projection_dim=48, axes_dims_rope=(4, 6, 6), guidance_embeds=self.guidance is not None), generator)
        vae = autoencoder(generator, latent_channels=16, use_quant_conv=False, use_post_quant_conv=False,
                          scaling_factor=0.3611, shift_factor=0.1159)
        pipe = FluxPipeline(
            transformer=transformer, vae=vae, text_encoder=encoder, tokenizer=text, text_encoder_2=t5_encoder,
            tokenizer_2=transformers.T5TokenizerFast(file),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=self.guidance is not None))
        texts = {"context": torch.randn(1, 20, 64, generator=generator), "pooled": torch.randn(1, 48, generator=generator)}
        scale(vae, generator, transformer, self.answer(pipe, torch.randn(1, 16, 16, 16, generator=generator), texts))
        return pipe

    def encode(self, pipe):
        context, pooled, _ = pipe.encode_prompt(PROMPTS, None)
        return {"context": context, "pooled": pooled}

    def answer(self, pipe, latents, texts):
        count, channels, height, width = latents.shape
        places = FluxPipeline._prepare_latent_image_ids(1, height // 2, width // 2, "cpu", torch.float32)
        answer = pipe.transformer(
            FluxPipeline._pack_latents(latents, count, channels, height, width), texts["context"], texts["pooled"],
            torch.full((count,), 0.501), places, torch.zeros(texts["context"].shape[1], 3),
            None if self.guidance is None else torch.full((count,), self.guidance)).sample
        return FluxPipeline._unpack_latents(answer, 8 * height, 8 * width, 8)

    def arguments(self, run):
        return run

    def runs(self, seed):
        # The distilled one reads no guidance, which chexgen refuses for it.
        guided = {} if self.guidance is None else {"guidance_scale": 2.0}
        return [
            {"prompt": [PROMPTS[1]], "seed": [seed()], "steps": 8, "width": 128, "height": 128},
            {"prompt": [PROMPTS[2]], "seed": [seed()], "steps": 6, "width": 176, "height": 96, **guided},
            {"prompt": PROMPTS[3:6], "seed": [seed() for _ in range(3)], "steps": 5, "width": 80, "height": 208,
             "max_sequence_length": 77},
        ]


# name: what is built, and how diffusers is asked
FAMILIES = {"pixart": PixArt(), "sana": Sana(), "sd3.5": SD3(False), "sd3-plain": SD3(True), "flux-dev": Flux(3.5),
            "flux-schnell": Flux(None)}


@torch.no_grad()
def check(name, draw, chexgen, folder, report):
    from safetensors.numpy import load_file, save_file

    family = FAMILIES[name]
    built = family.build(draw, torch.Generator().manual_seed(draw.randrange(1 << 31)))
    built.save_pretrained(folder / "model")
    # Parts that are absent must be named.
    absent = {key: None for key, part in built.components.items() if part is None}
    pipe = type(built).from_pretrained(folder / "model", **absent)
    pipe.set_progress_bar_config(disable=True)
    wanted = family.encode(pipe)
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    latents = torch.randn(2, pipe.vae.config.latent_channels, 10, 14, generator=generator)
    last = lambda x: np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())
    texts = {key: value[1:3] for key, value in wanted.items()}
    save_file({"latents": last(latents)} | {key: value.numpy().copy() for key, value in texts.items()},
              folder / "inputs.safetensors")
    answer = family.answer(pipe, latents, texts)
    runs = family.runs(lambda: draw.randrange(1 << 32))
    script = SCRIPT.replace("GUIDANCE", str(family.guidance or "nil"))
    ours(chexgen, str(folder / "model"), folder, PROMPTS, runs, script)
    for dtype, limit in (("f32", 1e-4), ("bf16", 3e-2)):
        answers = load_file(folder / f"answers-{dtype}.safetensors")
        if "mask" in wanted:
            report.line(name, f"{dtype}: masks equal", (answers["mask"] == wanted["mask"].numpy()).all())
        expected = {key: wanted[key].numpy() for key in ("context", "pooled") if key in wanted} | {"denoiser": last(answer)}
        for what, values in expected.items():
            error = float(np.linalg.norm(answers[what] - values) / np.linalg.norm(values))
            report.line(name, f"{dtype}: {what}: relative error {error:.2g} ({limit:g})", error < limit)
    for index, run in enumerate(runs, 1):
        found = np.load(folder / f"run{index}.npy").astype(int)
        options = {"num_inference_steps" if key == "steps" else key: value
                   for key, value in family.arguments(run).items() if key != "seed"}
        pictures = np.stack([np.asarray(picture) for picture in pipe(
            **{"guidance_scale": family.guidance or 4.5} | options,
            generator=[torch.Generator().manual_seed(seed) for seed in run["seed"]]).images]).astype(int)
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
