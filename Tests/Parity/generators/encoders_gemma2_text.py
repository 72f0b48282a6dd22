"""Expected outputs of Gemma 2 with weights by formula: transformers' Gemma2Model, with PyTorch's fused attention, which 4.50 takes
by itself and which has no cap, and with eager attention, which has.

Run in the reference environment; writes fixtures/encoders/gemma2_text.safetensors.
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import Gemma2Config, Gemma2Model

import places
from formula import uniform, weight

# A window that is shorter than the text, and a cap that bends.
OPTIONS = dict(vocab_size=90, hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
               num_key_value_heads=2, head_dim=20, query_pre_attn_scalar=16, sliding_window=33, attn_logit_softcapping=3.0)
LENGTH, SEEN = 100, 37
outputs = {}
ids = torch.from_numpy(uniform("gemma2.ids", (2, LENGTH), 0, OPTIONS["vocab_size"]).astype(np.int64))
mask = torch.ones_like(ids)
mask[1, SEEN:] = 0
for kind in ("sdpa", "eager"):
    model = Gemma2Model._from_config(Gemma2Config(**OPTIONS), attn_implementation=kind).eval()
    state = model.state_dict()
    for key, value in state.items():
        # Normalisations multiply with 1 + weight.
        shift = np.float32(1 if "norm" in key else 0)
        state[key] = torch.from_numpy(weight(key, tuple(value.shape), "gemma2.") - shift)
    model.load_state_dict(state)
    with torch.no_grad():
        outputs[f"{kind}.whole"] = model(ids, use_cache=False).last_hidden_state[:, ::7].numpy().copy()
        masked = model(ids, attention_mask=mask, use_cache=False).last_hidden_state
        # What padding sees is nobody's business.
        outputs[f"{kind}.masked"] = masked[:1, ::7].numpy().copy()
        outputs[f"{kind}.short"] = masked[1:, :SEEN:7].numpy().copy()
save_file(outputs, places.folder("encoders") / "gemma2_text.safetensors")
