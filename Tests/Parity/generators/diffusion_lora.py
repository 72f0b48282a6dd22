"""LoRA files as diffusers, peft, kohya's scripts and ai-toolkit write them, and what networks answer with them.

Run in the reference environment (diffusers 0.33, peft); writes fixtures/diffusion/lora/: the files, and expected.safetensors. The
networks are `odd` and `sigma` of diffusion_networks.py and `quick` of encoders_clip_text.py.
"""

import shutil

import numpy as np
import peft
import torch
from diffusers import PixArtTransformer2DModel, UNet2DConditionModel
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from diffusers.utils import set_weights_and_activate_adapters
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

import places
from diffusion_networks import PIXARTS, UNETS, last, network, planes
from formula import uniform, weight

HERE = places.folder("diffusion") / "lora"
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def unet():
    return network(UNet2DConditionModel, "unet-odd", UNETS["odd"][0])[0]


def pixart():
    return network(PixArtTransformer2DModel, "pixart-sigma", PIXARTS["sigma"][0])[0]


def clip():
    model = CLIPTextModel(CLIPTextConfig(
        vocab_size=100, hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4,
        hidden_act="quick_gelu", bos_token_id=98, eos_token_id=99)).eval()
    state = model.state_dict()
    for key, value in state.items():
        if value.dtype.is_floating_point:
            state[key] = torch.from_numpy(weight(key.removeprefix("text_model."), tuple(value.shape), "clip-quick."))
    model.load_state_dict(state)
    return model


def trained(model, salt, targets, rank, **options):
    """The state of a LoRA with values by formula, as peft gives it, and peft's model."""
    config = peft.LoraConfig(r=rank, target_modules=targets, init_lora_weights=False, **options)
    tuned = peft.get_peft_model(model, config)
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            parameter.data = torch.from_numpy(uniform(salt + name, tuple(parameter.shape), -0.3, 0.3))
    state = peft.get_peft_model_state_dict(tuned)
    return {key.removeprefix("base_model.model."): value for key, value in state.items()}, tuned


def prefixed(prefix, state):
    return {f"{prefix}.{key}": value.contiguous() for key, value in state.items()}


def unet_answer(model):
    _, shape, tokens, timestep = UNETS["odd"]
    context = torch.from_numpy(uniform("unet-odd.context", (shape[0], tokens, 24), -1.7, 1.7))
    return last(model(planes("unet-odd.latents", shape, 4), torch.tensor(timestep), context).sample)


def clip_answer(model):
    ids = uniform("clip-quick.ids", (2, 77), 0, 100).astype(np.int64)
    ids[:, 11] = 99
    return model(torch.from_numpy(ids)).last_hidden_state[:, ::7].numpy().copy()


def pixart_answer(model):
    _, shape, tokens, seen, timestep = PIXARTS["sigma"]
    text = torch.from_numpy(uniform("pixart-sigma.context", (shape[0], tokens, 40), -1.7, 1.7))
    mask = torch.arange(tokens)[None] < torch.tensor(seen)[:, None]
    answer = model(planes("pixart-sigma.latents", shape, 4), text, torch.tensor([timestep]).expand(shape[0]),
                   added_cond_kwargs={"resolution": None, "aspect_ratio": None},
                   encoder_attention_mask=mask.to(torch.int64)).sample
    return last(answer[:, :4])


def loaded(files):
    """The UNet and CLIP with LoRA files at scales, loaded by diffusers."""
    denoiser, text = unet(), clip()
    names = []
    for number, (file, _) in enumerate(files):
        state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(str(HERE / file), unet_config=denoiser.config)
        names.append(f"lora{number}")
        StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, alphas, denoiser, adapter_name=names[-1])
        if any(key.startswith("text_encoder.") for key in state):
            StableDiffusionLoraLoaderMixin.load_lora_into_text_encoder(state, alphas, text, adapter_name=names[-1])
    scales = [scale for _, scale in files]
    denoiser.set_adapters(names, scales)
    # diffusers 0.33 gives every layer the most frequent alpha of a file with several; kohya's own scripts each its own.
    for name, (file, _) in zip(names, files):
        for layer, module in denoiser.named_modules():
            if file == "kohya.safetensors" and "attn1" in layer and isinstance(module, peft.tuners.lora.LoraLayer):
                module.scaling[name] *= 1.5 / 4
    known = set(getattr(text, "peft_config", {}))
    pairs = [(name, scale) for name, scale in zip(names, scales) if name in known]
    if pairs:
        set_weights_and_activate_adapters(text, [name for name, _ in pairs], [scale for _, scale in pairs])
    return denoiser, text


@torch.no_grad()
def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    # diffusers: no alpha, which is then the rank; text encoders have names of their own.
    state = prefixed("unet", convert_state_dict_to_diffusers(trained(unet(), "a.", ATTENTION, 3)[0]))
    state |= prefixed("text_encoder", convert_state_dict_to_diffusers(trained(clip(), "a.", TEXT, 2)[0]))
    save_file(state, HERE / "diffusers.safetensors")
    # The names of the attention processors that diffusers had before 0.26.
    old = {}
    for key, value in trained(unet(), "b.", ATTENTION, 2)[0].items():
        key = key.replace(".to_out.0.", ".to_out.")
        layer, ending = key.rsplit(".lora_", 1)
        block, last_name = layer.rsplit(".", 1)
        old[f"unet.{block}.processor.{last_name}_lora.{'down' if ending.startswith('A') else 'up'}.weight"] = value.contiguous()
    save_file(old, HERE / "old.safetensors")
    # kohya: alpha beside every layer, and convolutions (LoCon).
    layers = ATTENTION + ["proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
    state = prefixed("unet", trained(unet(), "c.", layers, 2)[0])
    state |= prefixed("text_encoder", trained(clip(), "c.", TEXT, 2)[0])
    flat = {}
    for key, value in state.items():
        part, layer = key.split(".", 1)
        layer, ending = layer.rsplit(".lora_", 1)
        name = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + layer.replace(".", "_")
        flat[f"{name}.lora_{'down' if ending.startswith('A') else 'up'}.weight"] = value.half()
        flat[f"{name}.alpha"] = torch.tensor(1.5 if "attn1" in layer else 4.0)
    save_file(flat, HERE / "kohya.safetensors")
    # peft: a folder, with other alphas and ranks for some layers, and convolutions.
    options = dict(lora_alpha=6, alpha_pattern={"ff.net.2": 3}, rank_pattern={"attn2.to_q": 4})
    _, tuned = trained(pixart(), "d.", ATTENTION + ["ff.net.0.proj", "ff.net.2", "pos_embed.proj", "linear"], 2, **options)
    tuned.save_pretrained(str(HERE / "peft"))
    (HERE / "peft/README.md").unlink()
    _, tuned = trained(unet(), "e.", ["conv1", "conv2", "conv_shortcut", "conv_in", "conv"], 2, lora_alpha=4, use_rslora=True)
    tuned.save_pretrained(str(HERE / "convolutions"))
    (HERE / "convolutions/README.md").unlink()
    # ai-toolkit: bf16, and no alpha whatever the training's.
    state = prefixed("transformer", trained(pixart(), "f.", ATTENTION + ["ff.net.2", "proj_out"], 3)[0])
    save_file({key: value.bfloat16() for key, value in state.items()}, HERE / "toolkit.safetensors", metadata={"format": "pt"})

    expected = {}
    for name, files in {
        "diffusers-1": [("diffusers.safetensors", 1.0)], "diffusers-0.6": [("diffusers.safetensors", 0.6)],
        "old-0.6": [("old.safetensors", 0.6)], "kohya-1": [("kohya.safetensors", 1.0)],
        "kohya-0.6": [("kohya.safetensors", 0.6)],
        "three": [("diffusers.safetensors", 1.0), ("kohya.safetensors", 0.6), ("old.safetensors", -0.4)],
    }.items():
        denoiser, text = loaded(files)
        expected[f"{name}.unet"], expected[f"{name}.text"] = unet_answer(denoiser), clip_answer(text)
    for name, scale in (("peft-1", 1.0), ("peft-0.6", 0.6), ("convolutions-0.6", 0.6)):
        folder = name.split("-")[0]
        model = peft.PeftModel.from_pretrained(pixart() if folder == "peft" else unet(), str(HERE / folder)).eval()
        for module in model.modules():
            if isinstance(module, peft.tuners.lora.LoraLayer):
                module.scaling["default"] *= scale
        expected[name] = pixart_answer(model) if folder == "peft" else unet_answer(model)
    for name, scale in (("toolkit-1", 1.0), ("toolkit-0.6", 0.6)):
        _, tuned = trained(pixart(), "f.", ATTENTION + ["ff.net.2", "proj_out"], 3, lora_alpha=3)
        state = {key.removeprefix("transformer."): value.float()
                 for key, value in load_file(HERE / "toolkit.safetensors").items()}
        peft.set_peft_model_state_dict(tuned, {"base_model.model." + key: value for key, value in state.items()})
        for module in tuned.modules():
            if isinstance(module, peft.tuners.lora.LoraLayer):
                module.scaling["default"] *= scale
        expected[name] = pixart_answer(tuned.eval())
    expected["none.unet"], expected["none.text"], expected["none.pixart"] = (
        unet_answer(unet()), clip_answer(clip()), pixart_answer(pixart()))
    for name, values in expected.items():
        print(f"{name:20} {str(values.shape):18} mean {values.mean():9.4f} std {values.std():9.4f}")
    save_file({name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in expected.items()},
              HERE / "expected.safetensors")


if __name__ == "__main__":
    main()
