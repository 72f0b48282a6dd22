"""Builds pipelines with fresh random weights, and compares chexgen's pictures with diffusers' for the same seeds.

    python diffusion_pipeline.py [--seed S] [--only NAME] [--chexgen PATH] [--keep FOLDER]

Each pipeline is saved as users have it, in a diffusers folder; diffusers runs it for prompts that are long, empty and in
many scripts, sizes that are not square, negative prompts and batches; a Lua script runs the same folder through
`model.pipeline`. Ids of the texts must be equal; text features, the UNet's and the autoencoder's answers within 1e-4 of
their norm; pictures within 3 grey levels. Beside the difference stands diffusers' own between f32 and f64, where the
noise of a run does not depend on the dtype: what rounding alone does to these weights.

Made for torch 2.15, diffusers 0.33, transformers 4.50.3. Wants a release build of chexgen.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

# The reference's environment does not have ftfy, and CLIP's tokenizer does other things where it is found.
sys.modules["ftfy"] = None

import diffusers  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel  # noqa: E402

HERE = Path(__file__).resolve().parent
REPORT = ("The heart is mildly enlarged, and the lungs are clear. There is no pleural effusion or pneumothorax. Interval "
          "placement of a right internal jugular central venous catheter with its tip in the superior vena cava. ")
PROMPTS = [
    "", "A chest X-ray of a patient with cardiomegaly", REPORT * 4, "Überprüfung der Lunge: naïve café, 12½ mm² – “ΟΔΟΣ”",
    "胸部エックス線写真 正常 肺炎 🫁 폐렴 소견", "  NO acute\tcardiopulmonary\n\nprocess's  <|endoftext|> [SEP] it's 2019-03-14!!!",
]
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
ONE = SD | {"steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False}
# name: (scheduler, its options, kind of the text model)
PIPELINES = {
    "pndm": ("PNDMScheduler", ONE | {"skip_prk_steps": True}, "sd1"),
    "v": ("DDIMScheduler", ONE | {"prediction_type": "v_prediction"}, "sd2"),
    "zero-snr": ("DDIMScheduler", SD | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True,
                                        "timestep_spacing": "trailing", "clip_sample": False, "steps_offset": 1}, "sd2"),
    "radedit": ("DDIMScheduler", {"clip_sample": False, "timestep_spacing": "trailing", "steps_offset": 1}, "bert"),
    "euler": ("EulerDiscreteScheduler", SD | {"steps_offset": 1, "timestep_spacing": "leading"}, "sd1"),
    "euler-ancestral": ("EulerAncestralDiscreteScheduler", SD | {"steps_offset": 1}, "sd2"),
    "ddpm": ("DDPMScheduler", ONE, "sd1"),
    "dpm": ("DPMSolverMultistepScheduler", SD | {"steps_offset": 1, "use_karras_sigmas": True}, "sd1"),
}


def spread(model, generator):
    """Random parameters that keep activations, and differences between them, of size one through all layers."""
    for name, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        for key, parameter in own.items():
            normal = torch.randn(parameter.shape, generator=generator)
            if isinstance(module, torch.nn.Embedding):
                value = normal
            elif parameter.dim() > 1:
                gain = math.sqrt(2) if isinstance(module, torch.nn.Conv2d) else 1
                value = gain * normal / math.sqrt(parameter[0].numel())
            else:
                value = (1 if "norm" in name.lower() and key == "weight" else 0) + 0.1 * normal
            parameter.data = value
    return model.eval()


def text_part(kind, width, draw, generator):
    fixtures = HERE.parent / "fixtures/tokenizers"
    layers, heads = draw.choice([2, 3]), draw.choice([2, 4])
    if kind == "bert":
        tokenizer = transformers.BertTokenizer(str(fixtures / "bert/vocab.txt"), model_max_length=128)
        config = transformers.BertConfig(
            vocab_size=len(tokenizer), hidden_size=width, intermediate_size=3 * width, num_hidden_layers=layers,
            num_attention_heads=heads)
        return tokenizer, spread(transformers.BertModel(config), generator)
    tokenizer = transformers.CLIPTokenizer(
        str(fixtures / "clip/vocab.json"), str(fixtures / "clip/merges.txt"), model_max_length=77,
        pad_token="!" if kind == "sd2" else "<|endoftext|>")
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=3 * width, num_hidden_layers=layers,
        num_attention_heads=heads, hidden_act="gelu" if kind == "sd2" else "quick_gelu",
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    return tokenizer, spread(transformers.CLIPTextModel(config), generator)


@torch.no_grad()
def build(name, draw):
    """A pipeline with fresh weights."""
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    scheduler, options, kind = PIPELINES[name]
    width = draw.choice([48, 64, 80])
    tokenizer, text = text_part(kind, width, draw, generator)
    two = {"attention_head_dim": [2, 4, 4, 8], "use_linear_projection": True, "upcast_attention": True}
    unet = spread(UNet2DConditionModel(
        sample_size=draw.choice([12, 16]), block_out_channels=draw.choice([(32, 64, 64, 64), (64, 64, 96, 128)]),
        layers_per_block=draw.choice([1, 2, (1, 2, 1, 2)]), transformer_layers_per_block=draw.choice([1, 1, 2]),
        only_cross_attention=draw.random() < 0.2, flip_sin_to_cos=draw.random() < 0.8, freq_shift=draw.choice([0, 0, 1]),
        cross_attention_dim=width, **(two if kind == "sd2" else {"attention_head_dim": 8})), generator)
    vae = spread(AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 64, 64), layers_per_block=draw.choice([1, 2]), sample_size=draw.choice([128, 256]),
        use_quant_conv=draw.random() < 0.8, use_post_quant_conv=draw.random() < 0.8,
        scaling_factor=0.13025 if kind == "bert" else 0.18215), generator)
    # A UNet whose answers are as large as the noise, and pictures of half the range.
    latents = torch.randn(1, 4, 16, 16, generator=generator)
    answer = unet(latents, 500, torch.randn(1, 20, width, generator=generator)).sample
    unet.conv_out.weight.data *= 0.7 / answer.std()
    picture = vae.decode(latents / vae.config.scaling_factor).sample
    vae.decoder.conv_out.weight.data *= 0.4 / picture.std()
    return StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet,
        scheduler=getattr(diffusers, scheduler).from_config(options), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False)


def runs(name, draw):
    """What to make: keyword arguments that both sides understand."""
    seed = lambda: draw.randrange(1 << 32)
    sides = draw.sample([64, 72, 104, 136, 256], 4)
    made = [
        # The model's own size, and prompts of every kind.
        {"prompt": [draw.choice(PROMPTS[:2])], "seed": [seed()], "steps": draw.choice([7, 10])},
        {"prompt": [PROMPTS[2]], "negative_prompt": [PROMPTS[1]], "seed": [seed()], "steps": draw.choice([5, 12]),
         "width": sides[0], "height": sides[1], "guidance_scale": draw.choice([2.0, 4.5])},
        {"prompt": PROMPTS[3:6], "negative_prompt": [PROMPTS[4], "", PROMPTS[2]], "seed": [seed() for _ in range(3)],
         "steps": 6, "width": sides[2], "height": sides[3]},
        {"prompt": [PROMPTS[draw.randrange(1, 6)]], "seed": [seed()], "steps": 9, "guidance_scale": 1.0, "width": 64,
         "height": 64},
    ]
    if "DDIM" in PIPELINES[name][0]:
        made.append(made[0] | {"eta": draw.choice([0.3, 0.7])})
    if name == "pndm":
        for other in ("ddim", "euler", "euler_ancestral", "dpm_solver_multistep"):
            made.append(made[3] | {"scheduler": other, "guidance_scale": 3.0})
    return made


KINDS = {"ddim": "DDIMScheduler", "euler": "EulerDiscreteScheduler", "dpm_solver_multistep": "DPMSolverMultistepScheduler",
         "euler_ancestral": "EulerAncestralDiscreteScheduler"}


def reference(pipe, run, in_f64=False):
    """diffusers' pictures u8 [N, H, W, 3]; with the UNet, the autoencoder and the latents in f64 None where fresh noise
    would be drawn in the dtype."""
    own, text = pipe.scheduler, pipe.text_encoder
    options = {
        "num_inference_steps": run["steps"], "guidance_scale": run.get("guidance_scale", 7.5), "eta": run.get("eta", 0.0),
        "height": run.get("height"), "width": run.get("width"), "output_type": "pil",
    }
    generators = [torch.Generator().manual_seed(seed) for seed in run["seed"]]
    prompts = run["prompt"], run.get("negative_prompt")
    if "scheduler" in run:
        pipe.scheduler = getattr(diffusers, KINDS[run["scheduler"]]).from_config(own.config)
    try:
        if not in_f64:
            pictures = pipe(prompts[0], negative_prompt=prompts[1], generator=generators, **options).images
        elif run.get("eta") or "Ancestral" in type(pipe.scheduler).__name__:
            return None
        else:
            side = lambda name: (run.get(name) or pipe.unet.config.sample_size * 8) // 8
            noise = [torch.randn(1, 4, side("height"), side("width"), generator=g) for g in generators]
            texts = pipe.encode_prompt(prompts[0], "cpu", 1, True, prompts[1])
            pipe.text_encoder = None
            pipe.unet.double()
            pipe.vae.double()
            pictures = pipe(prompt_embeds=texts[0].double(), negative_prompt_embeds=texts[1].double(),
                            latents=torch.cat(noise).double(), **options).images
        return np.stack([np.asarray(picture) for picture in pictures])
    finally:
        pipe.scheduler, pipe.text_encoder = own, text
        pipe.unet.float()
        pipe.vae.float()


def lua(value):
    """A Lua literal."""
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03d}" for byte in value.encode()) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "{ " + ", ".join(map(lua, value)) + " }"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {lua(item)}" for key, item in value.items()) + " }"
    return repr(value)


SCRIPT = """
local model, tensor = require "chexgen.model", require "chexgen.tensor"
local out, prompts, runs = OUT, PROMPTS, RUNS
local pipe = model.pipeline(SOURCE, { dtype = "f32" })
local inputs = tensor.load(out .. "/inputs.safetensors")
local answers = {}
answers.ids = pipe.tokenizer:encode(prompts)
answers.text = pipe.text_encoder:forward(inputs.ids)
answers.unet = pipe.unet:forward(inputs.latents, 501, inputs.context)
answers.encoded = pipe.vae:encode(inputs.picture)
answers.decoded = pipe.vae:decode(inputs.latents)
tensor.save(out .. "/answers.safetensors", answers)
for i, run in ipairs(runs) do
  local pictures = {}
  for j, picture in ipairs(pipe:generate(run)) do pictures[j] = picture:tensor() end
  tensor.save(out .. "/run" .. i .. ".npy", tensor.stack(pictures, 1))
end
"""


def ours(chexgen, source, out, prompts, wanted, script=SCRIPT):
    """Runs the script on a folder, or on the parts of a pipeline by name."""
    for key, value in {"OUT": str(out), "PROMPTS": prompts, "RUNS": wanted, "SOURCE": source}.items():
        script = script.replace(key, lua(value), 1)
    (out / "check.lua").write_text(script)
    done = subprocess.run([chexgen, "run", out / "check.lua", "--allow-write", out], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"chexgen failed with status {done.returncode}:\n{done.stdout}{done.stderr}")


class Report:
    def __init__(self):
        self.failures = 0

    def line(self, name, text, is_good):
        self.failures += not is_good
        print(f"{name:16} {text:96} {'ok' if is_good else 'FAILED'}", flush=True)

    def tensors(self, name, what, found, wanted):
        good = found.shape == wanted.shape
        error = float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)) if good else math.inf
        self.line(name, f"{what}: relative error {error:.2g} (1e-4)", error < 1e-4)


@torch.no_grad()
def check(name, draw, chexgen, folder, report):
    from safetensors.numpy import load_file, save_file

    build(name, draw).save_pretrained(folder / "model")
    # As users load it: which options are defaults and which are set decides what another scheduler takes over.
    pipe = StableDiffusionPipeline.from_pretrained(
        folder / "model", safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    ids = pipe.tokenizer(PROMPTS, padding="max_length", max_length=pipe.tokenizer.model_max_length, truncation=True,
                         return_tensors="pt").input_ids
    text = pipe.text_encoder(ids)[0]
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    latents = torch.randn(2, 4, 9, 14, generator=generator)
    picture = torch.rand(1, 3, 40, 72, generator=generator) * 2 - 1
    last = lambda x: np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())
    save_file({"ids": ids.numpy(), "latents": last(latents), "context": text[1:3].numpy().copy(),
               "picture": last(picture)}, folder / "inputs.safetensors")
    wanted = runs(name, draw)
    source = str(folder / "model")
    if name == "radedit":
        # Its parts come from several places, and its scheduler from the reference's code.
        source = {part: f"{source}/{part}" for part in ("unet", "vae", "text_encoder", "tokenizer")} | {
            "scheduler": {"_class_name": PIPELINES[name][0]} | PIPELINES[name][1]}
    ours(chexgen, source, folder, PROMPTS, wanted)
    answers = load_file(folder / "answers.safetensors")
    differing = int((answers["ids"] != ids.numpy()).sum()) if answers["ids"].shape == ids.shape else -1
    report.line(name, f"tokens: {differing} of {ids.numel()} differ", differing == 0)
    report.tensors(name, "text features", answers["text"], text.numpy())
    report.tensors(name, "UNet", answers["unet"], last(pipe.unet(latents, 501, text[1:3]).sample))
    report.tensors(name, "encoder", answers["encoded"], last(pipe.vae.encode(picture).latent_dist.mean))
    report.tensors(name, "decoder", answers["decoded"], last(pipe.vae.decode(latents).sample))
    for index, run in enumerate(wanted, 1):
        found = np.load(folder / f"run{index}.npy").astype(int)
        pictures = reference(pipe, run).astype(int)
        exact = reference(pipe, run, in_f64=True)
        rounding = "-" if exact is None else int(abs(pictures - exact).max())
        worst = int(abs(found - pictures).max()) if found.shape == pictures.shape else 256
        clipped = ((pictures == 0) | (pictures == 255)).mean()
        facts = " ".join(f"{key}={run[key]}" for key in ("steps", "guidance_scale", "eta", "scheduler") if key in run)
        report.line(
            name, f"{len(pictures)} x {pictures.shape[2]}x{pictures.shape[1]} {facts}: {worst} grey levels (3), f64 "
            f"{rounding}; std {pictures.std():.0f}, clipped {clipped:.0%}", worst <= 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only", choices=PIPELINES)
    parser.add_argument("--chexgen", default=HERE.parent.parent.parent / ".build/release/chexgen")
    parser.add_argument("--keep", type=Path, help="an empty folder for the pipelines, which then stay")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    # The networks are small, and waiting threads slow a busy machine down.
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        for name in [options.only] if options.only else PIPELINES:
            folder = (options.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            check(name, random.Random(f"{options.seed} {name}"), options.chexgen, folder, report)
    if report.failures:
        sys.exit(f"{report.failures} checks failed")


if __name__ == "__main__":
    main()
