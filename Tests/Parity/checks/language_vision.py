#!/usr/bin/env python3
"""Compares `model.vision_language("llava-rad")` with timm, open_clip's transform, transformers' Llama and peft's merge, all with fresh
random weights in the files that are published: the tower in a training checkpoint, a LoRA folder with `non_lora_trainables.bin`.

    language_vision.py --program .build/release/chexgen --seed 1 [--radiographs FOLDER]
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from transformers import LlamaConfig, LlamaForCausalLM, LlamaTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "generators"))
import language_vision as vision
import places


def lua(text):
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--radiographs", type=pathlib.Path)
    options = parser.parse_args()
    source, failures = random.Random(options.seed), 0
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        folder = pathlib.Path(folder)
        for name in ["base", "adapter", "vision", "films"]:
            (folder / name).mkdir()
        # The tower.
        patch, width, layers = 14, source.choice([64, 128, 192]), source.randrange(2, 6)
        side, layer = patch * source.randrange(3, 9), source.choice([-1, -2])
        vit = vision.tower(side, patch, width, layers, ratio=source.choice([2, 4]))
        for name, value in vit.named_parameters():
            value.copy_(torch.randn(value.shape) * (0.5 if "gamma" in name else 0.1 if value.ndim > 1 else 0.2) + (1 if "norm" in name and "weight" in name else 0))
        state = {"module.visual.trunk." + key: value for key, value in vit.state_dict().items()}
        state |= {"module.logit_scale": torch.tensor(4.6), "module.text.transformer.pooler.dense.weight": torch.zeros(2, 2)}
        torch.save({"epoch": 7, "name": "clip", "state_dict": state, "best": np.float64(0.25)}, folder / "vision/biomedclipcxr_518_checkpoint.pt")
        (folder / "vision/biomedclipcxr_518.json").write_text(json.dumps({"embed_dim": 512, "vision_cfg": {
            "timm_model_name": "vit_base_patch14_dinov2.lvd142m", "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear",
            "image_size": side}, "text_cfg": {"context_length": 256}}))
        # The language model, its LoRA and the projector.
        shutil.copy(places.folder("tokenizers") / "pieces/llama/tokenizer.model", folder / "base/tokenizer.model")
        tokenizer = LlamaTokenizer(str(folder / "base/tokenizer.model"))
        tokenizer.save_pretrained(folder / "base")
        size = 64
        config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=size, intermediate_size=160, num_attention_heads=4, num_key_value_heads=source.choice([2, 4]),
                             num_hidden_layers=3, max_position_embeddings=1024, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=0)
        language = LlamaForCausalLM(config).eval()
        for name, value in language.named_parameters():
            value.copy_(torch.randn(value.shape) * (0.2 if value.ndim > 1 else 0.1) + (1 if "norm" in name else 0))
        language.save_pretrained(folder / "base", safe_serialization=source.random() < 0.5)
        modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        tuned = get_peft_model(language, LoraConfig(r=8, lora_alpha=16, target_modules=modules, task_type="CAUSAL_LM")).eval()
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                value.copy_(torch.randn(value.shape) * 0.1)
        tuned.save_pretrained(folder / "adapter", safe_serialization=False)
        mlp = vision.projector(width, size)
        for value in mlp.parameters():
            value.copy_(torch.randn(value.shape) * 0.2)
        torch.save({"base_model.model.model.mm_projector." + key: value for key, value in mlp.state_dict().items()}, folder / "adapter/non_lora_trainables.bin")
        (folder / "adapter/config.json").write_text(json.dumps(config.to_dict() | {
            "model_type": "llava", "mm_hidden_size": width, "mm_projector_type": "mlp2x_gelu", "mm_use_im_patch_token": False,
            "mm_use_im_start_end": False, "mm_vision_select_feature": "patch", "mm_vision_select_layer": layer, "mm_vision_tower": "biomedclip_cxr_518"}))
        language = tuned.merge_and_unload().eval()
        # Films and questions.
        films = sorted((options.radiographs / "files").rglob("*.*"))[:6] if options.radiographs else []
        for number in range(4):
            mode = source.choice(["L", "RGB"])
            pixels = np.random.default_rng(options.seed + number).integers(0, 256, (source.randrange(40, 300), source.randrange(40, 300), 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / f"films/{number}.png")
            films.append(folder / f"films/{number}.png")
        questions = ["Describe the findings of the chest x-ray.", " Is there\n edema? ", "<image>\nGiven: fever </s> & cough, 12.5°", "  heart  size  "]
        asked = [source.choice(questions) for _ in films]
        count, wanted, leads = 24, [], []
        for film, question in zip(films, asked):
            pixels = vision.transform(side)(Image.open(film).convert("RGB"))[None]
            tokens = mlp(vision.states(vit, pixels, layer))[0]
            before, after = vision.frame(question, tokenizer)
            ids, lead = vision.answer(language, before, tokens, after, count)
            wanted.append(ids)
            leads.append(lead)
        (folder / "script.lua").write_text(f"""
local rad = require("chexgen.model").vision_language("llava-rad", {{ base = {lua(str(folder / "base"))},
  adapter = {lua(str(folder / "adapter"))}, vision = {lua(str(folder / "vision"))}, dtype = "f32" }})
local _, ids = rad:generate {{ images = {{ {",".join(lua(str(film)) for film in films)} }}, max_new_tokens = {count},
  prompt = {{ {",".join(map(lua, asked))} }} }}
for _, row in ipairs(ids) do print("ids", table.concat(row:totable(), " ")) end""")
        lines = subprocess.run([options.program, "run", str(folder / "script.lua")], check=True, capture_output=True, text=True).stdout.splitlines()
    found = [[int(word) for word in line.split()[1:]] for line in lines if line.startswith("ids")]
    for number, (own, theirs) in enumerate(zip(found, wanted)):
        if own != theirs:
            failures += 1
            print(f"film {number}: {own} beside {theirs}, least lead {leads[number]:.2g}")
    print(f"{len(films)} films, tower {width} x {layers}, side {side}, layer {layer}: {failures} answers differ; least lead {min(leads):.2g}")
    sys.exit(1 if failures or len(found) != len(wanted) else 0)


if __name__ == "__main__":
    main()
