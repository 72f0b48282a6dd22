"""Expected outputs of small denoisers and autoencoders with weights by formula: diffusers' UNet2DConditionModel,
PixArtTransformer2DModel and AutoencoderKL.

Run in the reference environment (diffusers 0.33); writes fixtures/diffusion/networks.json, with each network's config and
the names and shapes of its tensors, and fixtures/diffusion/networks.safetensors. Pictures and latents are [N, H, W, C].
"""

import json

import torch
from diffusers import AutoencoderKL, PixArtTransformer2DModel, UNet2DConditionModel
from safetensors.numpy import save_file

import places
from formula import uniform, weight

HERE = places.folder("diffusion")

TWO = {
    "sample_size": 8, "block_out_channels": [32, 64], "norm_num_groups": 8, "cross_attention_dim": 24,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "layers_per_block": 1,
}
ATTENDING = {
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
# name: (options, latents [N, H, W], tokens, timestep)
UNETS = {
    # Four levels, eight heads of every width, as Stable Diffusion 1 has them.
    "sd1": ({"sample_size": 16, "block_out_channels": [32, 64, 64, 64], "cross_attention_dim": 48,
             "layers_per_block": 2, "attention_head_dim": 8}, (2, 8, 16), 77, 981.0),
    # Heads a level, linear projections, and the last level's one block in a layer list.
    "sd2": (TWO | ATTENDING | {"attention_head_dim": [2, 4], "use_linear_projection": True, "upcast_attention": True,
                               "layers_per_block": [2, 1]}, (2, 6, 10), 77, 1.0),
    # Sides that halve with a remainder: the way up must find the sizes of the way down.
    "odd": (TWO | {"block_out_channels": [16, 32, 32], "attention_head_dim": 4,
                   "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                   "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]}, (1, 7, 10), 5, 500.0),
    "cross": (TWO | ATTENDING | {"attention_head_dim": 4, "only_cross_attention": True}, (2, 8, 8), 9, 321.0),
    "crosses": (TWO | ATTENDING | {"attention_head_dim": 4, "only_cross_attention": [False, True]}, (1, 4, 6), 9, 77.0),
    # The other halves of every option of the time embedding, and a timestep between two.
    "time": (TWO | {"attention_head_dim": 2, "flip_sin_to_cos": False, "freq_shift": 1}, (1, 8, 4), 11, 12.75),
    # What no published model of the family has, but diffusers' same classes know.
    "rare": (TWO | {"attention_head_dim": 4, "center_input_sample": True, "downsample_padding": 0,
                    "in_channels": 5, "out_channels": 6}, (1, 8, 6), 4, 640.0),
    # Images and sequences that are long enough for the faster algorithms, and for several stripes and blocks.
    "large": (TWO | ATTENDING | {"attention_head_dim": 2, "norm_num_groups": 16}, (1, 61, 76), 77, 250.0),
    # Transformers of several blocks, and other epsilons and group counts.
    "depth": (TWO | ATTENDING | {"attention_head_dim": 8, "transformer_layers_per_block": [1, 2],
                                 "norm_num_groups": 16, "norm_eps": 1e-3}, (1, 4, 4), 3, 999.0),
}
PIXART = {"sample_size": 16, "num_attention_heads": 4, "attention_head_dim": 12, "cross_attention_dim": 48, "num_layers": 2,
          "caption_channels": 40, "use_additional_conditions": False}
# name: (options, latents [N, H, W], tokens, how many of each text are seen, timestep)
PIXARTS = {
    "sigma": (PIXART | {"interpolation_scale": 1}, (2, 16, 16), 30, [30, 7], 999.0),
    # Not square, with latents that are not those of the training, and what no published model has.
    "wide": (PIXART | {"sample_size": 128, "out_channels": 4, "attention_bias": False, "activation_fn": "gelu",
                       "norm_eps": 1e-5}, (2, 8, 12), 11, [1, 11], 31.5),
    "patch": (PIXART | {"patch_size": 3, "in_channels": 5, "out_channels": 10}, (1, 12, 9), 9, [4], 500.0),
}
VAE = {
    "sample_size": 16, "block_out_channels": [16, 32], "norm_num_groups": 8, "layers_per_block": 1,
    "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2,
}
# name: (options, pictures [N, H, W], latents [N, H, W], whether to decode in tiles, too)
VAES = {
    "sd": (VAE | {"layers_per_block": 2, "scaling_factor": 0.18215}, (2, 12, 20), (2, 6, 5), False),
    "plain": (VAE | {"use_quant_conv": False, "use_post_quant_conv": False, "latent_channels": 6}, (1, 8, 8), (1, 3, 4),
              False),
    "levels": (VAE | {"block_out_channels": [16, 16, 24], "down_block_types": ["DownEncoderBlock2D"] * 3,
                      "up_block_types": ["UpDecoderBlock2D"] * 3}, (1, 16, 8), (1, 13, 9), True),
    "tiles": (VAE, (1, 4, 6), (2, 9, 15), True),
    "large": (VAE | {"block_out_channels": [32, 64]}, (1, 70, 74), (1, 37, 61), False),
}


def network(kind, name, options):
    """A network with weights by formula, and the nested names and shapes of its tensors."""
    model = kind(**options).eval()
    state = model.state_dict()
    tree = {}
    for key in state:
        place = tree
        *parents, last = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = list(state[key].shape)
        state[key] = torch.from_numpy(weight(key, tuple(state[key].shape), name + "."))
    model.load_state_dict(state)
    return model, tree


def planes(name, shape, channels):
    """Values by formula [N, H, W, C], as torch's [N, C, H, W]."""
    return torch.from_numpy(uniform(name, (*shape, channels), -1.7, 1.7)).permute(0, 3, 1, 2).contiguous()


def last(tensor):
    """[N, H, W, C]; of a large image every ninth row is enough."""
    rows = 9 if tensor.shape[2] * tensor.shape[3] > 2000 else 1
    return tensor.permute(0, 2, 3, 1)[:, ::rows].contiguous().numpy()


@torch.no_grad()
def main():
    outputs, document = {}, {"unet": {}, "pixart": {}, "vae": {}}
    for name, (options, shape, tokens, timestep) in UNETS.items():
        model, tree = network(UNet2DConditionModel, "unet-" + name, options)
        context = torch.from_numpy(uniform(f"unet-{name}.context", (shape[0], tokens, options["cross_attention_dim"]),
                                           -1.7, 1.7))
        latents = planes(f"unet-{name}.latents", shape, options.get("in_channels", 4))
        outputs[f"unet-{name}"] = last(model(latents, torch.tensor(timestep), context).sample)
        # One config stands as diffusers saves it.
        config = json.loads(model.to_json_string()) if name == "sd1" else options
        document["unet"][name] = {
            "config": config, "latents": shape, "tokens": tokens, "timestep": timestep, "tensors": tree}
    for name, (options, shape, tokens, seen, timestep) in PIXARTS.items():
        model, tree = network(PixArtTransformer2DModel, "pixart-" + name, options)
        text = torch.from_numpy(uniform(f"pixart-{name}.context", (shape[0], tokens, options["caption_channels"]), -1.7, 1.7))
        channels = options.get("in_channels", 4)
        mask = torch.arange(tokens)[None] < torch.tensor(seen)[:, None]
        answer = model(planes(f"pixart-{name}.latents", shape, channels), text, torch.tensor([timestep]).expand(shape[0]),
                       added_cond_kwargs={"resolution": None, "aspect_ratio": None},
                       encoder_attention_mask=mask.to(torch.int64)).sample
        outputs[f"pixart-{name}"] = last(answer[:, :channels])
        config = json.loads(model.to_json_string()) if name == "sigma" else options
        document["pixart"][name] = {
            "config": config, "latents": shape, "channels": channels, "tokens": tokens, "seen": seen, "timestep": timestep,
            "tensors": tree}
    for name, (options, pictures, latents, is_tiled) in VAES.items():
        model, tree = network(AutoencoderKL, "vae-" + name, options)
        outputs[f"vae-{name}.encoded"] = last(model.encode(planes(f"vae-{name}.pictures", pictures, 3)).latent_dist.mean)
        channels = options.get("latent_channels", 4)
        z = planes(f"vae-{name}.latents", latents, channels)
        outputs[f"vae-{name}.decoded"] = last(model.decode(z).sample)
        if is_tiled:
            model.enable_tiling()
            outputs[f"vae-{name}.tiled"] = last(model.decode(z).sample)
        config = json.loads(model.to_json_string()) if name == "sd" else options
        document["vae"][name] = {
            "config": config, "pictures": pictures, "latents": latents, "channels": channels, "tiled": is_tiled,
            "tensors": tree}
    for name, values in outputs.items():
        print(f"{name:20} {str(values.shape):18} mean {values.mean():9.4f} std {values.std():9.4f}")
    save_file(outputs, HERE / "networks.safetensors")
    (HERE / "networks.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    for file in ("networks.safetensors", "networks.json"):
        print(file, (HERE / file).stat().st_size, "bytes")


main()
