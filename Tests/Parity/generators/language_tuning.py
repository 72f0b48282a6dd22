"""Expected losses of fine-tuning small language models with peft's LoRA, weights, matrices and texts by formula: transformers'
models in f64, padded batches, accumulation, AdamW, a clipped norm, and a cosine with warm-up.

Run in the reference environment; writes fixtures/language/tuning.json.
"""

import json

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import (Gemma2Config, Gemma2ForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM,
                          get_cosine_schedule_with_warmup)

import places
from formula import uniform, weight

VOCABULARY, STEPS, BATCH, ACCUMULATION, RATE, CLIP = 90, 20, 2, 2, 2e-3, 0.5
LENGTHS = [(9, 6), (3, 11), (14, 9), (5, 20), (1, 7), (12, 4), (30, 2)]  # of prompts and answers
SIZES = dict(vocab_size=VOCABULARY, num_hidden_layers=3, bos_token_id=1, eos_token_id=2, pad_token_id=0)
# Those of language_models.py.
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(hidden_size=48, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, **SIZES),
              ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
    "neox": (GPTNeoXForCausalLM, GPTNeoXConfig(hidden_size=64, intermediate_size=160, num_attention_heads=4, rotary_pct=0.25, **SIZES),
             ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
    "gemma2": (Gemma2ForCausalLM, Gemma2Config(hidden_size=48, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, head_dim=20, query_pre_attn_scalar=16, sliding_window=17, final_logit_softcapping=3.0, **SIZES),
               ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
}


def texts():
    """Ids and labels of every text."""
    for index, (prompt, answer) in enumerate(LENGTHS):
        ids = torch.from_numpy(uniform(f"tuning.{index}", (prompt + answer,), 3, VOCABULARY).astype(np.int64))
        labels = ids.clone()
        labels[:prompt] = -100
        yield ids, labels


def padded(rows):
    ids, labels = zip(*rows)
    pad = torch.nn.utils.rnn.pad_sequence
    ids, lengths = pad(ids, batch_first=True), torch.tensor([len(row) for row in ids])
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
    return ids, mask, pad(labels, batch_first=True, padding_value=-100)


def train(name):
    kind, config, modules = MODELS[name]
    model = kind._from_config(config, attn_implementation="sdpa")
    state = model.state_dict()
    for key, value in state.items():
        if value.is_floating_point() and not key.endswith("inv_freq") and not (config.tie_word_embeddings and key == "lm_head.weight"):
            shift = np.float32(1 if name == "gemma2" and "norm" in key else 0)
            state[key] = torch.from_numpy(weight(key, tuple(value.shape), name + ".") - shift)
    model.load_state_dict(state)
    model.tie_weights()
    model = get_peft_model(model.double(), LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=modules, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.requires_grad:
                bound = 0.1 if "lora_B" in key else 1 / np.sqrt(value.shape[1])
                value.copy_(torch.from_numpy(uniform(name + "." + key.replace(".default", ""), tuple(value.shape), -bound, bound)))
    model.train()
    trained = {key.replace(".default", ""): value for key, value in model.named_parameters() if value.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0)
    schedule = get_cosine_schedule_with_warmup(optimizer, int(np.ceil(0.13 * STEPS)), STEPS)
    rows = list(texts())
    batches = [rows[start:start + BATCH] for start in range(0, len(rows), BATCH)]
    found = {"losses": [], "norms": [], "rates": [], "gradients": {}}
    for step in range(STEPS):
        optimizer.zero_grad()
        total = 0.0
        for number in range(step * ACCUMULATION, (step + 1) * ACCUMULATION):
            ids, mask, labels = padded(batches[number % len(batches)])
            loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss / ACCUMULATION
            loss.backward()
            total += loss.item()
        if step == 0:
            for key, value in trained.items():
                if ".layers.0." in key or "down_proj" in key:
                    found["gradients"][key] = float(value.grad.norm())
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), CLIP)
        found["losses"].append(total)
        found["norms"].append(float(norm))
        found["rates"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


if __name__ == "__main__":
    expected = {name: train(name) for name in MODELS}
    for name, found in expected.items():
        print(name, found["losses"][0], found["losses"][-1], max(found["norms"]))
    (places.folder("language") / "tuning.json").write_text(json.dumps(expected, indent=1) + "\n")
