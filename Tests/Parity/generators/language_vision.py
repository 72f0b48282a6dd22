"""Expected states, tokens and answers of a small LLaVA-Rad with weights by formula: timm's vision transformer of DINOv2's kind behind
open_clip's transform, LLaVA's projector, transformers' Llama.

Run in the reference environment; writes fixtures/language/vision.safetensors.
"""

import numpy as np
import torch
from open_clip.transform import image_transform
from safetensors.numpy import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaTokenizer

import places
from encoders_pairs import film
from formula import uniform, weight

SIDE, PATCH, WIDTH, LAYERS, VOCABULARY = 42, 14, 128, 3, 90
SYSTEM = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite "
          "answers to the user's questions.")


def transform(side):
    return image_transform(side, is_train=False)


def tower(side=SIDE, patch=PATCH, width=WIDTH, layers=LAYERS, ratio=2.5):
    return VisionTransformer(img_size=side, patch_size=patch, embed_dim=width, depth=layers, num_heads=width // 64, mlp_ratio=ratio,
                             init_values=1e-5, num_classes=0).eval()


def states(vit, pixels, layer=-2):
    """LLaVA's choice of hidden states: patches alone, not normalised."""
    x = vit.norm_pre(vit._pos_embed(vit.patch_embed(pixels)))
    found = [x]
    for block in vit.blocks:
        x = block(x)
        found.append(x)
    return found[layer][:, 1:]


def projector(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


def frame(question, tokenizer):
    """The ids before and behind the image in the conversation v1."""
    question = question.replace("<image>", "").strip()
    before, after = (SYSTEM + " USER: <image>\n" + question + " ASSISTANT:").split("<image>")
    before, after = tokenizer(before).input_ids, tokenizer(after).input_ids
    return before, after[1:] if after[0] == tokenizer.bos_token_id else after


def answer(language, before, tokens, after, count):
    """The greedy ids behind a prompt with tokens `[T, C]` in it, without the end, and the least lead of a chosen one."""
    table = language.get_input_embeddings()
    ids, lead = [], float("inf")
    with torch.no_grad():
        while len(ids) < count:
            x = torch.cat([table(torch.tensor(before)), tokens, table(torch.tensor(after + ids))])[None]
            best = language(inputs_embeds=x, use_cache=False).logits[0, -1].topk(2)
            lead = min(lead, float(best.values[0] - best.values[1]))
            if int(best.indices[0]) == language.config.eos_token_id:
                break
            ids.append(int(best.indices[0]))
    return ids, lead


def fill(module, salt):
    state = module.state_dict()
    for name, value in state.items():
        state[name] = torch.from_numpy(weight(name, tuple(value.shape), salt))
    module.load_state_dict(state)
    return module.eval()


def main():
    vit = fill(tower(), "tower.")
    language = fill(LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=48, intermediate_size=112, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3,
        rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=0)), "llama.")
    mlp = fill(projector(WIDTH, 48), "projector.")
    pixels = torch.stack([transform(SIDE)(film(f"vision.{height}", height, width, mode).convert("RGB"))
                          for height, width, mode in [(61, 83, "RGB"), (97, 55, "L")]])
    ids = uniform("language.ids", (2, 40), 3, VOCABULARY).astype(np.int64)
    outputs = {"pixels": pixels.permute(0, 2, 3, 1).flatten()[::11].numpy().copy()}
    with torch.no_grad():
        for layer in [-2, -1, 1]:
            outputs[f"states.{layer}"] = states(vit, pixels, layer).flatten()[::7].numpy().copy()
        tokens = mlp(states(vit, pixels))
        outputs["tokens"] = tokens.flatten()[::5].numpy().copy()
    tokenizer = LlamaTokenizer(str(places.folder("tokenizers") / "pieces/llama/tokenizer.model"))
    for name, part in zip(["before", "after"], frame(" <image>\nIs the heart</s> large?\n", tokenizer)):
        outputs[name] = np.array(part, np.float32)
    for row in range(2):
        found, lead = answer(language, ids[row, :15].tolist(), tokens[row], ids[row, 15:].tolist(), 16)
        print("answer", row, found, "least lead", lead)
        outputs[f"answer.{row}"] = np.array(found, np.float32)
    save_file(outputs, places.folder("language") / "vision.safetensors")


if __name__ == "__main__":
    main()
