#!/usr/bin/env python3
"""Compares the losses of `lm:fit` with those of peft's LoRA on transformers' Llama with fresh random weights, from the same start and
over 20 steps, and reads the saved adapter back with peft. Seconds a step are printed for both.

    language_tuning.py --program .build/release/chexgen --seed 1 [--width 64 --layers 3 --length 40 --vocabulary 90 --batch 2]
"""
import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, get_cosine_schedule_with_warmup

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "generators"))
from language_tuning import padded

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, default=20)
    for name, value in dict(width=64, layers=3, length=40, vocabulary=90, batch=2, accumulation=2, rank=64).items():
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    source = random.Random(options.seed)
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        base = folder / "base"
        width = options.width
        config = LlamaConfig(vocab_size=options.vocabulary, hidden_size=width, intermediate_size=width * 11 // 4,
                             num_hidden_layers=options.layers, num_attention_heads=max(1, width // 64) * (1 if width > 512 else 4),
                             pad_token_id=0, bos_token_id=1, eos_token_id=2)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for value in model.parameters():
                value.copy_(torch.randn(value.shape) / np.sqrt(value.shape[-1]) if value.dim() > 1 else 1 + 0.1 * torch.randn(value.shape))
        model.save_pretrained(base)
        shutil.copy(HERE.parent / "fixtures/tokenizers/pieces/neox/tokenizer.json", base)
        model = get_peft_model(model, LoraConfig(r=options.rank, lora_alpha=2 * options.rank, lora_dropout=0.0, target_modules=MODULES,
                                                 task_type="CAUSAL_LM"))
        model.save_pretrained(folder / "start")
        texts = []
        for _ in range(options.batch * options.accumulation * 2 - 1):
            length = options.length if options.length >= 256 else source.randrange(4, options.length)
            ids = torch.tensor([source.randrange(3, options.vocabulary) for _ in range(length)])
            labels = ids.clone()
            labels[:source.randrange(0, length - 2)] = -100
            texts.append((ids, labels))
        batches = [texts[start:start + options.batch] for start in range(0, len(texts), options.batch)]
        a_round = len(batches) // options.accumulation
        epochs = -(-options.steps // a_round)
        steps = epochs * a_round

        def table(pair):
            ids, labels = pair
            first = int((labels >= 0).nonzero()[0])
            return "{ prompt = { %s }, answer = { %s } }" % (",".join(map(str, ids[:first].tolist())), ",".join(map(str, ids[first:].tolist())))

        (folder / "script.lua").write_text(f"""
local lm = require("chexgen.model").language("{base}", {{ dtype = "f32" }})
local history = lm:fit {{ train = {{ {",".join(map(table, texts))} }}, rank = {options.rank}, alpha = {2 * options.rank}, dropout = 0, epochs = {epochs},
  batch = {options.batch}, accumulation = {options.accumulation}, shuffle = false, start = "{folder / "start"}" }}
for _, step in ipairs(history.steps) do print("STEP", step.loss, step.seconds) end
require("chexgen").make_folder("{folder / "tuned"}")
lm:save("{folder / "tuned"}")""")
        lines = subprocess.run([options.program, "run", "--allow-write", str(folder), str(folder / "script.lua")], check=True, capture_output=True, text=True).stdout
        ours = [tuple(map(float, line.split()[1:])) for line in lines.splitlines() if line.startswith("STEP")]

        trained = [value for value in model.parameters() if value.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0)
        schedule = get_cosine_schedule_with_warmup(optimizer, int(np.ceil(0.03 * steps)), steps)
        model.train()
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        theirs = []
        for step in range(steps):
            begin, total = time.time(), 0.0
            optimizer.zero_grad()
            for number in range(step * options.accumulation, (step + 1) * options.accumulation):
                ids, mask, labels = padded(batches[number % len(batches)])
                loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss / options.accumulation
                loss.backward()
                total += loss.item()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            theirs.append((total, time.time() - begin))
        error = max(abs(a[0] - b[0]) / b[0] for a, b in zip(ours, theirs))
        saved = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base), folder / "tuned").eval()
        ids, mask, labels = padded(batches[0])
        with torch.no_grad():
            last = [float(m.eval()(input_ids=ids, attention_mask=mask, labels=labels).loss) for m in (saved, model)]
        print(f"{steps} steps, losses {theirs[0][0]:.5f} to {theirs[-1][0]:.5f}: {error:.2e} relative; saved adapter {last[0]:.5f}, peft's {last[1]:.5f}")
        print(f"seconds a step: ours {np.median([s for _, s in ours]):.3f}, peft {np.median([s for _, s in theirs]):.3f}")
        sys.exit(0 if len(ours) == steps and error < 1e-4 and abs(last[0] - last[1]) < 1e-3 else 1)


if __name__ == "__main__":
    main()
