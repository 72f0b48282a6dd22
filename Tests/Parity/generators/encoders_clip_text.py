"""Expected outputs of CLIP's text model with weights by formula: transformers' CLIPTextModel and CLIPTextModelWithProjection.

Run in the reference environment; writes fixtures/encoders/clip_text.safetensors.
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import places
from formula import uniform, weight

CASES = {
    # name: (configuration, texts, length)
    "quick": (dict(vocab_size=100, hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4,
                   hidden_act="quick_gelu", bos_token_id=98, eos_token_id=99), 2, 77),
    "erf": (dict(vocab_size=80, hidden_size=96, intermediate_size=256, num_hidden_layers=4, num_attention_heads=3,
                 hidden_act="gelu", max_position_embeddings=150, bos_token_id=0, eos_token_id=2), 2, 131),
    "projected": (dict(vocab_size=70, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=2,
                       hidden_act="gelu", projection_dim=40, bos_token_id=68, eos_token_id=69), 3, 77),
}
outputs = {}
for name, (options, texts, length) in CASES.items():
    kind = CLIPTextModelWithProjection if "projection_dim" in options else CLIPTextModel
    model = kind(CLIPTextConfig(**options)).eval()
    state = model.state_dict()
    for key, value in state.items():
        if value.dtype.is_floating_point:
            short = key.removeprefix("text_model.")
            state[key] = torch.from_numpy(weight(short, tuple(value.shape), f"clip-{name}."))
    model.load_state_dict(state)
    ids = uniform(f"clip-{name}.ids", (texts, length), 0, options["vocab_size"]).astype(np.int64)
    ids[:, 11] = options["vocab_size"] - 1
    with torch.no_grad():
        result = model(torch.from_numpy(ids), output_hidden_states=True)
        skipped = model.text_model.final_layer_norm(result.hidden_states[-2])
    # Every seventh token is enough.
    outputs[f"{name}.last"] = result.last_hidden_state[:, ::7].numpy().copy()
    outputs[f"{name}.penultimate"] = result.hidden_states[-2][:, ::7].numpy().copy()
    outputs[f"{name}.skipped"] = skipped[:, ::7].numpy().copy()
    outputs[f"{name}.pooled"] = (result.text_embeds if "projection_dim" in options else result.pooler_output).numpy().copy()
save_file(outputs, places.folder("encoders") / "clip_text.safetensors")
