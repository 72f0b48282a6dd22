"""Expected outputs of BERT's text model with weights by formula: transformers' BertModel, and the projection head of
BioViL-T's CXRBertModel written out in PyTorch.

Run in the reference environment; writes fixtures/encoders/bert_text.safetensors.
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel

import places
from formula import uniform, weight

VOCABULARY, WIDTH, PROJECTION = 90, 64, 32
model = BertModel(BertConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=160, num_hidden_layers=3,
                             num_attention_heads=4, max_position_embeddings=140), add_pooling_layer=False).eval()
state = model.state_dict()
for key, value in state.items():
    if value.dtype.is_floating_point:
        state[key] = torch.from_numpy(weight(key, tuple(value.shape), "bert."))
model.load_state_dict(state)
ids = uniform("bert.ids", (2, 128), 0, VOCABULARY).astype(np.int64)
ids[1, 20:] = 0


def projected(x):
    def tensor(name, shape):
        return torch.from_numpy(weight("cls_projection_head." + name, shape, "bert."))

    linear, norm = torch.nn.functional.linear, torch.nn.functional.layer_norm
    x = linear(x, tensor("dense_to_hidden.weight", (PROJECTION, WIDTH)), tensor("dense_to_hidden.bias", (PROJECTION,)))
    x = torch.nn.functional.gelu(x)
    x = norm(x, (PROJECTION,), tensor("LayerNorm.weight", (PROJECTION,)), tensor("LayerNorm.bias", (PROJECTION,)), 1e-12)
    return linear(x, tensor("dense_to_output.weight", (PROJECTION, PROJECTION)),
                  tensor("dense_to_output.bias", (PROJECTION,)))


with torch.no_grad():
    last = model(torch.from_numpy(ids)).last_hidden_state
    outputs = {"last": last[:, ::7].numpy().copy(), "projected": projected(last[:, 0]).numpy().copy()}
save_file(outputs, places.folder("encoders") / "bert_text.safetensors")
