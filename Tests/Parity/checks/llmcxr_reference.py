#!/usr/bin/env python3
"""Compares LLM-CXR of fresh random weights with its reference: the VQGAN with taming-transformers' VQModel, and the codes that the language
model writes with the scores of transformers' GPTNeoXForCausalLM.

    llmcxr_reference.py [--seed S] [--chexgen PATH] [--keep FOLDER]

The VQGAN's folder holds the YAML file and a checkpoint as Lightning saves it, with a loss, optimizers and callbacks; the language model's is
saved as a `pytorch_model.bin`, with the buffers of old files. Of the VQGAN: pictures in f32 within 1e-4 of the largest value, codes of
pictures equal (of thousands, one may stand so near to two entries that rounding decides), those of a film cut by torchvision, too.
Of whole pictures: every code is one of those that reach top_p by transformers' scores behind the reference's prompt and the codes before
it, and the grey levels are the reference's, rounded down, within 1.

Needs taming-transformers 0.0.1 beside the reference environment; see ../generators/taming_model.py.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision.transforms as T
import torchvision.transforms.functional as TF
import transformers
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "generators"))
import taming_model

TOKENIZER = HERE.parent / "fixtures/tokenizers/pieces/neox/tokenizer.json"
SPECIAL = ["### End", "### Instruction:", "### Response:", "### Response:\n"]
INSTRUCTION = "Create a chest X-ray image that matches the free-text radiology reports entered for the chest X-ray image."
REPORTS = ["No acute cardiopulmonary process.", "Small left pleural effusion; bibasilar atelectasis, unchanged.\nNo pneumothorax.", ""]
PROMPT = ("Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
          "### Instruction:\n{instruction}\n\nInput:\n{input}\n\n### Response:\n")

SCRIPT = """
local image, model, tensor = require "chexgen.image", require "chexgen.model", require "chexgen.tensor"
local pipe = model.pipeline(FOLDER .. "/language", { vqgan = FOLDER .. "/vqgan", dtype = "f32" })
local inputs = tensor.load(FOLDER .. "/inputs.safetensors")
local out = { decoded = pipe.vqgan:decode(inputs.codes), codes = pipe.vqgan:encode(inputs.pictures),
  film = pipe.vqgan:encode { FOLDER .. "/film.png" } }
local images, codes = pipe:generate { prompt = PROMPTS, instruction = INSTRUCTION, mask = true, top_p = TOP_P, temperature = TEMPERATURE,
  seed = SEED }
out.written = codes
for i, picture in ipairs(images) do out["picture" .. i] = picture:tensor() end
-- Alone, one after the other, the same.
for i, prompt in ipairs(PROMPTS) do
  local _, own = pipe:generate { prompt = prompt, instruction = INSTRUCTION, mask = true, top_p = TOP_P, temperature = TEMPERATURE,
    seed = SEED + i - 1 }
  assert(own:eq(codes:narrow(1, i, 1)):to("f32"):min():item() == 1)
end
tensor.save(FOLDER .. "/out.safetensors", out)
"""


def lua(value):
    if isinstance(value, list):
        return "{ " + ", ".join(map(lua, value)) + " }"
    return '"' + "".join(f"\\{byte:03d}" for byte in value.encode()) + '"' if isinstance(value, str) else repr(value)


def vqgan(folder, draw):
    """A VQGAN with fresh weights, whose codes differ from place to place."""
    sizes = {"double_z": False, "z_channels": draw.choice([32, 64]), "resolution": 64, "in_channels": 3, "out_ch": 3,
             "ch": draw.choice([32, 64]), "ch_mult": draw.choice([[1, 1, 2, 2], [1, 2, 4], [2, 1, 2]]), "num_res_blocks": draw.choice([1, 2]),
             "attn_resolutions": draw.choice([[8], [16, 32], []]), "dropout": 0.0}
    params = {"embed_dim": draw.choice([32, 256]), "n_embed": draw.choice([256, 1024]), "ddconfig": sizes}
    model = taming_model.vq_model(params | {"lossconfig": {}})
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 1:
                value.copy_(1 + 0.2 * torch.randn_like(value) if "norm" in name and name.endswith("weight") else 0.1 * torch.randn_like(value))
            elif value.dim() == 4:
                value.mul_(1.6)
        probe = model.quant_conv(model.encoder(2 * torch.rand(8, 3, 64, 64) - 1)).permute(0, 2, 3, 1).flatten(0, 2)
        entries = probe[torch.randint(len(probe), (params["n_embed"],))]
        model.quantize.embedding.weight.copy_(entries + 0.3 * probe.std() * torch.randn_like(entries))
    folder.mkdir()
    taming_model.lightning(model.state_dict(), folder / "last.ckpt")
    lines = "\n".join(f"      {key}: {json.dumps(value)}" for key, value in sizes.items())
    (folder / "2021-project.yaml").write_text(f"""model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: {params["embed_dim"]}
    n_embed: {params["n_embed"]}
    ddconfig:
{lines}
    lossconfig:
      target: taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator
data:
  target: main.DataModuleFromConfig
""")
    return model, params


def language(folder, draw, codes):
    """A GPT-NeoX with fresh weights, and its tokenizer with the special tokens of LLM-CXR."""
    tokenizer = transformers.GPTNeoXTokenizerFast(tokenizer_file=str(TOKENIZER), pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    model = transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
        vocab_size=len(tokenizer) + codes, hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4,
        rotary_pct=draw.choice([0.25, 0.5]), max_position_embeddings=1024, use_parallel_residual=draw.choice([True, True, False])))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 2:
                value.copy_(torch.randn_like(value) * (0.15 if "embed_out" in name else 1 / value.shape[1] ** 0.5))
    model = model.eval()
    tokenizer.save_pretrained(folder)
    model.config.save_pretrained(folder)
    state = model.state_dict()
    for layer in range(3):
        state[f"gpt_neox.layers.{layer}.attention.bias"] = torch.ones(1, 1, 8, 8, dtype=torch.bool).tril()
        state[f"gpt_neox.layers.{layer}.attention.masked_bias"] = torch.tensor(-1e9)
        state[f"gpt_neox.layers.{layer}.attention.rotary_emb.inv_freq"] = torch.ones(2)
    torch.save(state, folder / "pytorch_model.bin")
    return model, tokenizer


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--chexgen", default=HERE.parent.parent.parent / ".build/release/chexgen")
    parser.add_argument("--keep", type=pathlib.Path, help="an empty folder for the models, which then stay")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    if not taming_model.has_taming():
        sys.exit(f"no taming-transformers in {taming_model.FOLDER}")
    draw = random.Random(options.seed)
    torch.manual_seed(options.seed)
    bad = []

    def report(text, is_good):
        print(("  " if is_good else "! ") + text)
        if not is_good:
            bad.append(text)

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        vq, params = vqgan(folder / "vqgan", draw)
        side = params["ddconfig"]["resolution"]
        grid = side >> (len(params["ddconfig"]["ch_mult"]) - 1)
        lm, tokenizer = language(folder / "language", draw, params["n_embed"])
        print(json.dumps(params), lm.config.use_parallel_residual)
        chosen = torch.randint(params["n_embed"], (3, grid * grid))
        pictures = 2 * torch.rand(4, 3, side, side) - 1
        film = Image.fromarray(np.random.default_rng(options.seed).integers(0, 256, (draw.randrange(80, 140), draw.randrange(80, 140)), np.uint8))
        film.save(folder / "film.png")
        from safetensors.torch import load_file, save_file
        save_file({"codes": chosen, "pictures": pictures.permute(0, 2, 3, 1).contiguous()}, folder / "inputs.safetensors")
        top_p, temperature, seed = draw.choice([0.92, 0.5]), draw.choice([1.0, 0.8]), draw.randrange(1 << 31)
        names = {"FOLDER": str(folder), "PROMPTS": REPORTS, "INSTRUCTION": INSTRUCTION, "TOP_P": top_p, "TEMPERATURE": temperature,
                 "SEED": seed}
        script = "".join(f"local {name} = {lua(value)}\n" for name, value in names.items()) + SCRIPT
        (folder / "script.lua").write_text(script)
        done = subprocess.run([options.chexgen, "run", "script.lua", "--allow-write", str(folder)], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        found = load_file(folder / "out.safetensors")

        def drawn(codes):
            entries = vq.quantize.get_codebook_entry(codes.flatten(), (len(codes), grid, grid, params["embed_dim"]))
            return vq.decode(entries).permute(0, 2, 3, 1)

        wanted = drawn(chosen)
        error = float((found["decoded"] - wanted).abs().max() / wanted.abs().max())
        report(f"decoded: {error:.1e} of the largest value (1e-4)", error < 1e-4)
        codes = vq.encode(pictures)[2][2].reshape(len(pictures), -1)
        other = int((codes != found["codes"]).sum())
        report(f"codes of pictures: {other} of {codes.numel()} differ; {len(codes.unique())} occur", other <= 1)
        rgb = film.convert("RGB")
        ratio = side / min(rgb.size)
        rgb = TF.resize(rgb, (round(ratio * rgb.size[1]), round(ratio * rgb.size[0])), interpolation=TF.InterpolationMode.LANCZOS)
        values = 2.0 * T.ToTensor()(TF.center_crop(rgb, output_size=2 * [side])) - 1.0
        own = vq.encode(values[None])[2][2].reshape(1, -1)
        report(f"codes of a film: {int((own != found['film']).sum())} of {own.numel()} differ", int((own != found["film"]).sum()) <= 1)

        first, worst, kept = len(tokenizer), 0.0, []
        for prompt, written in zip(REPORTS, found["written"]):
            ids = tokenizer(PROMPT.format(instruction=INSTRUCTION, input=prompt))["input_ids"]
            whole = torch.tensor([ids + (written + first).tolist()])
            scores = lm(whole).logits[0, len(ids) - 1:-1, first:].double()
            chances = torch.softmax(scores / temperature, -1)
            for place, code in enumerate(written):
                own = chances[place, code]
                # What stands before it among the most probable must not reach top_p by itself.
                worst = max(worst, float(chances[place][chances[place] > own * (1 + 1e-4)].sum()))
                kept.append(float((torch.sort(chances[place], descending=True)[0].cumsum(0) < top_p).sum() + 1))
        report(f"codes written: those before each reach {worst:.4f} at most (top_p {top_p}, on average {np.mean(kept):.0f} of "
               f"{params['n_embed']} kept)", worst < top_p + 1e-3)
        grey = (np.clip(drawn(found["written"]).numpy(), -1, 1) + np.float32(1)) / np.float32(2)
        # As matplotlib's imsave.
        grey = (grey * 255).astype(np.uint8).astype(int)
        worst = max(int(abs(found[f"picture{i + 1}"].numpy().astype(int) - grey[i]).max()) for i in range(len(REPORTS)))
        report(f"pictures: {worst} grey levels (1)", worst <= 1)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
