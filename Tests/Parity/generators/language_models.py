"""Expected scores and texts of small language models with weights by formula: transformers' LlamaForCausalLM, GPTNeoXForCausalLM and
Gemma2ForCausalLM, whole passes and greedy writing with a cache.

Run in the reference environment; writes fixtures/language/models.safetensors.
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import Gemma2Config, Gemma2ForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

import places
from formula import uniform, weight

VOCABULARY, LENGTH, NEW = 90, 40, 24
SIZES = dict(vocab_size=VOCABULARY, num_hidden_layers=3, bos_token_id=1, eos_token_id=2, pad_token_id=0)
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(hidden_size=48, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, **SIZES)),
    "llama_tied": (LlamaForCausalLM, LlamaConfig(hidden_size=48, intermediate_size=112, num_attention_heads=4, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, **SIZES)),
    "neox": (GPTNeoXForCausalLM, GPTNeoXConfig(hidden_size=64, intermediate_size=160, num_attention_heads=4, rotary_pct=0.25, **SIZES)),
    "neox_following": (GPTNeoXForCausalLM, GPTNeoXConfig(hidden_size=64, intermediate_size=160, num_attention_heads=4, rotary_pct=0.5, use_parallel_residual=False, attention_bias=False, **SIZES)),
    "gemma2": (Gemma2ForCausalLM, Gemma2Config(hidden_size=48, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, head_dim=20, query_pre_attn_scalar=16, sliding_window=17, final_logit_softcapping=3.0, **SIZES)),
}

outputs = {}
ids = torch.from_numpy(uniform("language.ids", (2, LENGTH), 3, VOCABULARY).astype(np.int64))
for name, (kind, config) in MODELS.items():
    model = kind._from_config(config, attn_implementation="sdpa").eval()
    state = model.state_dict()
    for key, value in state.items():
        if not value.is_floating_point() or key.endswith("inv_freq") or config.tie_word_embeddings and key == "lm_head.weight":
            continue
        shift = np.float32(1 if name == "gemma2" and "norm" in key else 0)
        state[key] = torch.from_numpy(weight(key, tuple(value.shape), name + ".") - shift)
    model.load_state_dict(state)
    model.tie_weights()
    with torch.no_grad():
        outputs[f"{name}.logits"] = model(ids, use_cache=False).logits[:, ::7].numpy().copy()
        # The end of a text may come; what is behind it is padding.
        written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False,
                                 # Its window fails beside transformers' usual cache.
                                 use_cache=name != "gemma2")
        outputs[f"{name}.greedy"] = written[:, LENGTH:].numpy().astype(np.float32).copy()
        top = model(written[:, :-1], use_cache=False).logits[:, LENGTH - 1:].topk(2).values
        print(name, "smallest lead of a chosen token:", float((top[..., 0] - top[..., 1]).min()))
save_file(outputs, places.folder("language") / "models.safetensors")
