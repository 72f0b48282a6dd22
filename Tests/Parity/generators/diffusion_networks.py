"""Expected outputs of small denoisers and autoencoders with weights by formula: diffusers' UNet2DConditionModel,
PixArtTransformer2DModel, SanaTransformer2DModel, SD3Transformer2DModel, FluxTransformer2DModel,
Lumina2Transformer2DModel, AutoencoderKL and AutoencoderDC.

Run in the reference environment (diffusers 0.33); writes fixtures/diffusion/networks.json, with each network's config and
the names and shapes of its tensors, and fixtures/diffusion/networks.safetensors. Pictures and latents are [N, H, W, C].
"""

import json

import torch
from diffusers import (
    AutoencoderDC, AutoencoderKL, FluxPipeline, FluxTransformer2DModel, Lumina2Transformer2DModel, PixArtTransformer2DModel,
    SanaTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel)
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
SANA = {"sample_size": 8, "in_channels": 8, "out_channels": 8, "num_attention_heads": 3, "attention_head_dim": 16,
        "num_layers": 2, "num_cross_attention_heads": 2, "cross_attention_head_dim": 24, "cross_attention_dim": 48,
        "caption_channels": 40}
# As PIXARTS.
SANAS = {
    "sana": (SANA, (2, 8, 8), 30, [30, 7], 999.0),
    # Not square, and with all that no model of the first size has.
    "more": (SANA | {"out_channels": 16, "attention_bias": True, "norm_elementwise_affine": True, "norm_eps": 1e-5,
                     "mlp_ratio": 1.7, "qk_norm": "rms_norm_across_heads", "timestep_scale": 0.5,
                     "interpolation_scale": 2}, (2, 6, 10), 11, [1, 11], 31.5),
    "patch": (SANA | {"patch_size": 3, "in_channels": 5, "out_channels": 10, "sample_size": 12, "interpolation_scale": 1},
              (1, 12, 9), 9, [4], 500.0),
}
SD3 = {"sample_size": 16, "num_attention_heads": 4, "attention_head_dim": 12, "caption_projection_dim": 48, "num_layers": 3,
       "joint_attention_dim": 40, "pooled_projection_dim": 20, "pos_embed_max_size": 12, "in_channels": 4, "out_channels": 4}
# name: (options, latents [N, H, W], tokens, timestep)
SD3S = {
    "medium": (SD3 | {"dual_attention_layers": [0, 1], "qk_norm": "rms_norm", "in_channels": 16, "out_channels": 16},
               (2, 8, 8), 30, 991.331),
    # Stable Diffusion 3.0, not square, up to the edge of the positions.
    "plain": (SD3, (1, 10, 24), 9, 31.5),
    "patch": (SD3 | {"patch_size": 3, "dual_attention_layers": [2], "num_layers": 3}, (2, 9, 12), 11, 500.0),
}
FLUX = {"num_attention_heads": 3, "attention_head_dim": 16, "num_layers": 2, "num_single_layers": 2, "joint_attention_dim": 40,
        "pooled_projection_dim": 20, "axes_dims_rope": [4, 6, 6], "in_channels": 16}
# name: (options, latents [N, H, W] before packing, tokens, timestep, guidance)
FLUXES = {
    "dev": (FLUX | {"guidance_embeds": True}, (2, 8, 8), 30, 991.331, 3.5),
    # FLUX.1 schnell reads no guidance scale.
    "schnell": (FLUX | {"in_channels": 64}, (1, 6, 14), 9, 31.5, None),
}
LUMINA = {"sample_size": 16, "hidden_size": 96, "num_layers": 2, "num_refiner_layers": 1, "num_attention_heads": 4,
          "num_kv_heads": 2, "multiple_of": 16, "axes_dim_rope": [8, 8, 8], "axes_lens": [40, 16, 16], "cap_feat_dim": 40,
          "in_channels": 16}
# name: (options, latents [N, H, W], tokens, how many of each text are seen, timestep)
LUMINAS = {
    "image": (LUMINA, (2, 8, 8), 30, [30, 7], 996.61),
    # Not square, and what no published model has.
    "wide": (LUMINA | {"ffn_dim_multiplier": 1.3, "num_kv_heads": 4, "axes_dim_rope": [4, 8, 12], "norm_eps": 1e-4,
                       "in_channels": 4, "num_refiner_layers": 2, "scaling_factor": 2.0}, (2, 6, 14), 11, [5, 5], 31.5),
    "patch": (LUMINA | {"patch_size": 3, "in_channels": 5, "num_refiner_layers": 0}, (1, 12, 9), 9, [1], 500.0),
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
    # As Stable Diffusion 3.5 and FLUX.1 have it.
    "shifted": (VAE | {"use_quant_conv": False, "use_post_quant_conv": False, "latent_channels": 16,
                       "scaling_factor": 1.5305, "shift_factor": 0.0609}, (1, 10, 8), (2, 4, 3), False),
    "levels": (VAE | {"block_out_channels": [16, 16, 24], "down_block_types": ["DownEncoderBlock2D"] * 3,
                      "up_block_types": ["UpDecoderBlock2D"] * 3}, (1, 16, 8), (1, 13, 9), True),
    "tiles": (VAE, (1, 4, 6), (2, 9, 15), True),
    "large": (VAE | {"block_out_channels": [32, 64]}, (1, 70, 74), (1, 37, 61), False),
}


def deep(channels, layers, scales, **more):
    """The options of a DC-AE whose halves are alike: levels with scales are of EfficientViT's blocks."""
    kinds = ["ResBlock" if scale is None else "EfficientViTBlock" for scale in scales]
    halves = {"block_out_channels": channels, "layers_per_block": layers, "block_types": kinds,
              "qkv_multiscales": [scale or [] for scale in scales]}
    return {"latent_channels": 8, "attention_head_dim": 8, **more,
            **{f"{half}_{key}": value for half in ("encoder", "decoder") for key, value in halves.items()}}


CONVOLUTIONS = {"downsample_block_type": "conv", "upsample_block_type": "interpolate"}
SIX = ([8, 8, 16, 16, 32, 32], [1, 1, 1, 1, 1, 1], [None, None, None, [5], [5], [5]])
# As VAES. Where an attention has as many pixels as channels a head or fewer, diffusers computes it in another way.
DEEPS = {
    "sana": (deep(*SIX, **CONVOLUTIONS, scaling_factor=0.41407), (2, 64, 96), (2, 3, 2), False),
    "tiles": (deep(*SIX, **CONVOLUTIONS), (1, 32, 32), (1, 17, 2), True),
    "shuffle": (deep([16, 16, 32], [1, 2, 1], [None, [], [3, 5]]), (1, 24, 16), (1, 5, 7), False),
    "passed": (deep([8, 16, 32], [0, 1, 1], [None, None, [5]], decoder_norm_types=["rms_norm", "batch_norm", "batch_norm"],
                    decoder_act_fns=["silu", "relu", "gelu"]), (1, 16, 12), (2, 3, 4), False),
    "stride": (deep([8, 16, 32], [0, 1, 1], [None, None, [5]], **CONVOLUTIONS, decoder_act_fns="relu"), (1, 8, 8), (1, 2, 5),
               False),
    "large": (deep([32, 64], [1, 1], [None, [5]], **CONVOLUTIONS), (1, 70, 74), (1, 37, 35), False),
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


def texts(name, count, tokens, options):
    """States and pooled vectors by formula."""
    return (torch.from_numpy(uniform(name + ".context", (count, tokens, options["joint_attention_dim"]), -1.7, 1.7)),
            torch.from_numpy(uniform(name + ".pooled", (count, options["pooled_projection_dim"]), -1.7, 1.7)))


def last(tensor):
    """[N, H, W, C]; of a large image every ninth row is enough."""
    rows = 9 if tensor.shape[2] * tensor.shape[3] > 2000 else 1
    return tensor.permute(0, 2, 3, 1)[:, ::rows].contiguous().numpy()


@torch.no_grad()
def main():
    outputs, document = {}, {"unet": {}, "pixart": {}, "sana": {}, "sd3": {}, "flux": {}, "lumina2": {}, "vae": {}, "deep": {}}
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
    for name, (options, shape, tokens, seen, timestep) in SANAS.items():
        model, tree = network(SanaTransformer2DModel, "sana-" + name, options)
        text = torch.from_numpy(uniform(f"sana-{name}.context", (shape[0], tokens, options["caption_channels"]), -1.7, 1.7))
        channels = options["in_channels"]
        mask = torch.arange(tokens)[None] < torch.tensor(seen)[:, None]
        # The pipeline multiplies the timestep.
        scaled = torch.tensor([timestep]).expand(shape[0]) * options.get("timestep_scale", 1)
        answer = model(planes(f"sana-{name}.latents", shape, channels), text, scaled,
                       encoder_attention_mask=mask.to(torch.int64)).sample
        outputs[f"sana-{name}"] = last(answer[:, :channels])
        config = json.loads(model.to_json_string()) if name == "sana" else options
        document["sana"][name] = {
            "config": config, "latents": shape, "channels": channels, "tokens": tokens, "seen": seen, "timestep": timestep,
            "tensors": tree}
    for name, (options, shape, tokens, timestep) in SD3S.items():
        model, tree = network(SD3Transformer2DModel, "sd3-" + name, options)
        context, pooled = texts("sd3-" + name, shape[0], tokens, options)
        answer = model(planes(f"sd3-{name}.latents", shape, options["in_channels"]), context, pooled,
                       torch.tensor([timestep]).expand(shape[0])).sample
        outputs[f"sd3-{name}"] = last(answer)
        config = json.loads(model.to_json_string()) if name == "medium" else options
        document["sd3"][name] = {"config": config, "latents": shape, "channels": options["in_channels"], "tokens": tokens,
                                 "timestep": timestep, "tensors": tree}
    for name, (options, shape, tokens, timestep, guidance) in FLUXES.items():
        model, tree = network(FluxTransformer2DModel, "flux-" + name, options)
        context, pooled = texts("flux-" + name, shape[0], tokens, options)
        channels = options["in_channels"] // 4
        latents = planes(f"flux-{name}.latents", shape, channels)
        places = FluxPipeline._prepare_latent_image_ids(1, shape[1] // 2, shape[2] // 2, "cpu", torch.float32)
        answer = model(FluxPipeline._pack_latents(latents, shape[0], channels, *shape[1:]), context, pooled,
                       torch.tensor([timestep / 1000]).expand(shape[0]), places, torch.zeros(tokens, 3),
                       None if guidance is None else torch.full((shape[0],), guidance)).sample
        outputs[f"flux-{name}"] = last(FluxPipeline._unpack_latents(answer, shape[1] * 8, shape[2] * 8, 8))
        config = json.loads(model.to_json_string()) if name == "dev" else options
        document["flux"][name] = {"config": config, "latents": shape, "channels": channels, "tokens": tokens,
                                  "timestep": timestep, "guidance": guidance, "tensors": tree}
    for name, (options, shape, tokens, seen, timestep) in LUMINAS.items():
        model, tree = network(Lumina2Transformer2DModel, "lumina2-" + name, options)
        text = torch.from_numpy(uniform(f"lumina2-{name}.context", (shape[0], tokens, options["cap_feat_dim"]), -1.7, 1.7))
        mask = (torch.arange(tokens)[None] < torch.tensor(seen)[:, None]).to(torch.int64)
        # As the pipeline calls it: 0 is noise, and the scheduler is handed the answer with the other sign.
        answer = -model(planes(f"lumina2-{name}.latents", shape, options["in_channels"]),
                        (1 - torch.tensor(timestep) / 1000).expand(shape[0]), text, mask).sample
        outputs[f"lumina2-{name}"] = last(answer)
        config = json.loads(model.to_json_string()) if name == "image" else options
        document["lumina2"][name] = {
            "config": config, "latents": shape, "channels": options["in_channels"], "tokens": tokens, "seen": seen,
            "timestep": timestep, "tensors": tree}
    for group, kind, models in (("vae", AutoencoderKL, VAES), ("deep", AutoencoderDC, DEEPS)):
        for name, (options, pictures, latents, is_tiled) in models.items():
            model, tree = network(kind, f"{group}-{name}", options)
            encoded = model.encode(planes(f"{group}-{name}.pictures", pictures, 3))
            outputs[f"{group}-{name}.encoded"] = last(encoded.latent if group == "deep" else encoded.latent_dist.mean)
            channels = options.get("latent_channels", 4)
            z = planes(f"{group}-{name}.latents", latents, channels)
            outputs[f"{group}-{name}.decoded"] = last(model.decode(z).sample)
            if is_tiled:
                model.enable_tiling()
                outputs[f"{group}-{name}.tiled"] = last(model.decode(z).sample)
            config = json.loads(model.to_json_string()) if name in ("sd", "sana") else options
            document[group][name] = {
                "config": config, "pictures": pictures, "latents": latents, "channels": channels, "tiled": is_tiled,
                "tensors": tree}
    for name, values in outputs.items():
        print(f"{name:20} {str(values.shape):18} mean {values.mean():9.4f} std {values.std():9.4f}")
    save_file(outputs, HERE / "networks.safetensors")
    (HERE / "networks.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    for file in ("networks.safetensors", "networks.json"):
        print(file, (HERE / file).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
