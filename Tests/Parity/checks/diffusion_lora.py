"""Builds a Stable Diffusion and pipelines of each kind whose denoiser is a transformer, with fresh random weights, and LoRA files for
them, and compares chexgen's pictures with diffusers' for the same seeds.

    python diffusion_lora.py [--seed S] [--only NAME] [--chexgen PATH] [--keep FOLDER]

The files are saved as diffusers saves them, for the UNet and for the text encoder, and turned into kohya's names with an alpha; diffusers
loads them by `load_lora_weights`. Pictures with one file at scales of 1 and 0.6, and with two at once, are within 3 grey levels. Those with
streamed weights are the same to the bit. For PixArt-Sigma, whose pipeline of diffusers loads no LoRA, peft saves a folder with its
adapter_config.json, and loads it.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from diffusion_lumina import build as build_lumina
from diffusion_pipeline import HERE, PROMPTS, Report, build, ours
from diffusion_transformers import FAMILIES

import diffusers
import numpy as np
import peft
import torch
import transformers
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

SCRIPT = """
local model, tensor = require "chexgen.model", require "chexgen.tensor"
local out, prompts, runs = OUT, PROMPTS, RUNS
for i, run in ipairs(runs) do
  for _, stream in ipairs { false, true } do
    local pipe = model.pipeline(SOURCE, { dtype = "f32", lora = run.lora, stream = stream })
    local picture = pipe:generate { prompt = prompts[2], seed = run.seed, steps = run.steps, guidance_scale = run.guidance }[1]
    tensor.save(("%s/run%d%s.npy"):format(out, i, stream and "-streamed" or ""), picture:tensor())
  end
end
"""
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]


def trained(model, targets, rank, generator, folder=None):
    """The state of a LoRA that changes answers visibly; peft saves it in the folder."""
    # peft scales by alpha / rank; files of diffusers without an alpha are scaled by 1.
    config = peft.LoraConfig(r=rank, lora_alpha=1.5 * rank, target_modules=targets, init_lora_weights=False)
    tuned = peft.get_peft_model(model, config)
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            spread = 0.6 / parameter.shape[1] ** 0.5
            parameter.data = torch.randn(parameter.shape, generator=generator) * spread
    state = peft.get_peft_model_state_dict(tuned)
    if folder:
        tuned.save_pretrained(folder)
    tuned.unload()
    return {key.removeprefix("base_model.model."): value for key, value in state.items()}


@torch.no_grad()
def check(name, draw, chexgen, folder, report):
    made = build("pndm", draw)
    while not isinstance(made.unet.config.layers_per_block, int):
        # diffusers cannot set a LoRA's scale for a UNet with a number of layers for each level.
        made = build("pndm", draw)
    made.save_pretrained(folder / "model")
    load = lambda: StableDiffusionPipeline.from_pretrained(
        folder / "model", safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    pipe = load()
    text = trained(pipe.text_encoder, ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"], 4, generator)
    state = trained(pipe.unet, LAYERS, draw.choice([2, 8]), generator)
    # peft's names: of a file with some layers under diffusers' own names, diffusers 0.33 leaves the others out.
    StableDiffusionPipeline.save_lora_weights(folder, state, text, weight_name="one.safetensors")
    flat = {}
    for key, value in trained(pipe.unet, LAYERS, 3, generator).items():
        layer, ending = key.rsplit(".lora_", 1)
        layer = "lora_unet_" + layer.replace(".", "_")
        flat[f"{layer}.lora_{'down' if ending.startswith('A') else 'up'}.weight"] = value.contiguous()
        flat[f"{layer}.alpha"] = torch.tensor(2.0)
    save_file(flat, folder / "two.safetensors")
    one, two = str(folder / "one.safetensors"), str(folder / "two.safetensors")
    seed = lambda: draw.randrange(1 << 32)
    runs = [
        {"lora": files, "seed": seed(), "steps": draw.choice([5, 8]), "guidance": draw.choice([1.0, 4.5])}
        for files in ([{"path": one, "scale": 1.0}], [{"path": one, "scale": 0.6}], [{"path": two, "scale": 0.6}],
                      [{"path": one, "scale": 0.7}, {"path": two, "scale": 1.0}])
    ]
    ours(chexgen, str(folder / "model"), folder, PROMPTS, runs, SCRIPT)
    for index, run in enumerate(runs, 1):
        pictures = []
        for files in ([], run["lora"]):
            pipe = load()
            pipe.set_progress_bar_config(disable=True)
            names = []
            for file in files:
                names.append(f"lora{len(names)}")
                pipe.load_lora_weights(file["path"], adapter_name=names[-1])
            if names:
                pipe.set_adapters(names, [file["scale"] for file in files])
            picture = pipe(PROMPTS[1], num_inference_steps=run["steps"], guidance_scale=run["guidance"],
                           generator=torch.Generator().manual_seed(run["seed"])).images[0]
            pictures.append(np.asarray(picture).astype(int))
        found = np.load(folder / f"run{index}.npy").astype(int)
        worst, change = int(abs(found - pictures[1]).max()), float(abs(pictures[1] - pictures[0]).mean())
        what = " + ".join(f"{Path(file['path']).stem} at {file['scale']}" for file in run["lora"])
        report.line(name, f"{what}: {worst} grey levels (3); they change the picture by {change:.1f}",
                    worst <= 3 and change > 1)
        report.line(name, f"{what}: streamed, the same",
                    (np.load(folder / f"run{index}-streamed.npy") == np.load(folder / f"run{index}.npy")).all())


# Of the transformers: which layers a LoRA of their users changes.
TRANSFORMERS = {
    "pixart": ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "proj", "linear", "linear_1",
               "linear_2"],
    "sana": ["to_q", "to_k", "to_v", "to_out.0"],
    "sd3.5": ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "proj_mlp"],
    "sd3-plain": ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "norm1.linear"],
    "flux-dev": ["to_q", "to_k", "to_v", "to_out.0", "proj_mlp", "proj_out", "norm.linear", "ff_context.net.2"],
    "lumina": ["to_q", "to_k", "to_v", "to_out.0", "linear_1", "linear_2", "linear_3"],
}
PICTURES = """
local model, tensor = require "chexgen.model", require "chexgen.tensor"
local out, prompts, runs = OUT, PROMPTS, RUNS
for i, run in ipairs(runs) do
  for _, stream in ipairs { false, true } do
    local lora = run.lora
    local pipe = model.pipeline(SOURCE, { dtype = "f32", lora = lora, stream = stream })
    local asked = {}
    for key, value in pairs(run) do if key ~= "lora" then asked[key] = value end end
    tensor.save(("%s/run%d%s.npy"):format(out, i, stream and "-streamed" or ""), pipe:generate(asked)[1]:tensor())
  end
end
"""


@torch.no_grad()
def check_transformer(name, draw, chexgen, folder, report):
    generator = torch.Generator().manual_seed(draw.randrange(1 << 31))
    built = build_lumina(draw) if name == "lumina" else FAMILIES[name].build(draw, generator)
    built.save_pretrained(folder / "model")
    absent = {key: None for key, part in built.components.items() if part is None}
    load = lambda: type(built).from_pretrained(folder / "model", **absent)
    has_loader = hasattr(built, "load_lora_weights")
    one = str(folder / ("one.safetensors" if has_loader else "one"))
    state = trained(load().transformer, TRANSFORMERS[name], draw.choice([2, 8]), generator, None if has_loader else one)
    if has_loader:
        type(built).save_lora_weights(folder, transformer_lora_layers=state, weight_name="one.safetensors")
    runs = [{"lora": files, "prompt": [PROMPTS[1]], "seed": [draw.randrange(1 << 32)], "steps": 5, "width": 128, "height": height,
             "guidance_scale": 3.0}
            for files, height in (([{"path": one, "scale": 1.0}], 128), ([{"path": one, "scale": 0.6}], 96))]
    for run in runs:
        if name == "lumina":
            run["width"], run["height"] = 256, 2 * run["height"]
    ours(chexgen, str(folder / "model"), folder, PROMPTS, runs, PICTURES)
    for index, run in enumerate(runs, 1):
        pictures = []
        for file in (None, run["lora"][0]):
            pipe = load()
            pipe.set_progress_bar_config(disable=True)
            if file and has_loader:
                pipe.load_lora_weights(file["path"], adapter_name="one")
                pipe.set_adapters(["one"], [file["scale"]])
            elif file:
                pipe.transformer = peft.PeftModel.from_pretrained(pipe.transformer, file["path"]).get_base_model()
                for layer in pipe.transformer.modules():
                    if isinstance(layer, peft.tuners.lora.LoraLayer):
                        layer.scale_layer(file["scale"])
            given = {key: value for key, value in run.items() if key not in ("lora", "seed", "steps")}
            if name == "lumina":
                given |= {"negative_prompt": [""]}
            else:
                given = FAMILIES[name].arguments(given)
            pictures.append(np.asarray(pipe(
                num_inference_steps=run["steps"], generator=torch.Generator().manual_seed(run["seed"][0]), **given).images[0]).astype(int))
        found = np.load(folder / f"run{index}.npy").astype(int)
        same = found.shape == pictures[1].shape
        worst, change = int(abs(found - pictures[1]).max()) if same else 256, float(abs(pictures[1] - pictures[0]).mean())
        what = f"{len(state) // 2} layers at {run['lora'][0]['scale']}"
        report.line(name, f"{what}: {worst} grey levels (3); they change the picture by {change:.1f}", worst <= 3 and change > 1)
        report.line(name, f"{what}: streamed, the same", (np.load(folder / f"run{index}-streamed.npy") == found).all())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only", choices=["lora", *TRANSFORMERS])
    parser.add_argument("--chexgen", default=HERE.parent.parent.parent / ".build/release/chexgen")
    parser.add_argument("--keep", type=Path, help="an empty folder for the pipeline, which then stays")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        for name in [options.only] if options.only else ["lora", *TRANSFORMERS]:
            folder = (options.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            act = check if name == "lora" else check_transformer
            act(name, random.Random(f"{options.seed} {name}"), options.chexgen, folder, report)
    if report.failures:
        sys.exit(f"{report.failures} checks failed")


if __name__ == "__main__":
    main()
