"""Expected outputs of T5's encoder with weights by formula: transformers' T5EncoderModel.

Run in the reference environment; writes fixtures/encoders/t5_text.safetensors.
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import T5Config, T5EncoderModel

import places
from formula import uniform, weight

CASES = {
    # Heads that are wider than a token together, and few buckets, so that distances reach the last one.
    "gated": dict(vocab_size=90, d_model=48, d_kv=20, d_ff=112, num_layers=3, num_heads=4, relative_attention_num_buckets=16,
                  relative_attention_max_distance=40, feed_forward_proj="gated-gelu"),
    "plain": dict(vocab_size=90, d_model=64, d_kv=16, d_ff=160, num_layers=2, num_heads=4, feed_forward_proj="relu"),
}
LENGTH, SEEN = 170, 37
outputs = {}
for name, options in CASES.items():
    model = T5EncoderModel(T5Config(**options)).eval()
    state = model.state_dict()
    for key, value in state.items():
        source = "shared.weight" if key == "encoder.embed_tokens.weight" else key
        # T5 learns queries that need no division by the root of the head's size.
        factor = np.float32(options["d_kv"] ** -0.5 if key.endswith(".q.weight") else 1)
        state[key] = torch.from_numpy(weight(source, tuple(value.shape), f"t5-{name}.") * factor)
    model.load_state_dict(state)
    ids = torch.from_numpy(uniform(f"t5-{name}.ids", (2, LENGTH), 0, options["vocab_size"]).astype(np.int64))
    mask = torch.ones_like(ids)
    mask[1, SEEN:] = 0
    with torch.no_grad():
        outputs[f"{name}.whole"] = model(ids).last_hidden_state[:, ::7].numpy().copy()
        outputs[f"{name}.masked"] = model(ids, attention_mask=mask).last_hidden_state[:, ::7].numpy().copy()
save_file(outputs, places.folder("encoders") / "t5_text.safetensors")
