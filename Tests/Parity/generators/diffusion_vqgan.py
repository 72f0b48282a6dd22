"""Expected outputs of small VQGANs with weights by formula: taming-transformers' VQModel.

Run in the reference environment with taming-transformers beside it (see taming_model.py); without it nothing is written. Writes
fixtures/diffusion/vqgan.json, with each network's YAML file and the names and shapes of its tensors, vqgan.safetensors, and
lightning.ckpt, a checkpoint with all that Lightning puts beside the weights. Pictures are [N, H, W, C].
"""

import json

import torch
from safetensors.numpy import save_file

import places
import taming_model
from formula import uniform, weight

HERE = places.folder("diffusion")
LEVELS = {"double_z": False, "in_channels": 3, "out_ch": 3, "ch": 32, "dropout": 0.0}
# name: (ddconfig, entries of the codebook, their channels)
MODELS = {
    "halved": (LEVELS | {"z_channels": 8, "resolution": 16, "ch_mult": [1, 2], "num_res_blocks": 1, "attn_resolutions": [8]}, 24, 6),
    # A first level that is wider than what comes before it, and attentions in two levels.
    "wide": (LEVELS | {"z_channels": 12, "resolution": 16, "ch_mult": [2, 1, 1], "num_res_blocks": 2, "attn_resolutions": [16, 4]}, 40, 16),
}


def yaml(ddconfig, codes, channels):
    lines = "\n".join(f"      {key}: {json.dumps(value)}" for key, value in ddconfig.items())
    return f"""model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: {channels}
    n_embed: {codes}
    ddconfig:
{lines}
    lossconfig:
      target: taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator
      params:
        disc_start: 10000
data:
  target: main.DataModuleFromConfig
"""


@torch.no_grad()
def main():
    if not taming_model.has_taming():
        print(f"no taming-transformers in {taming_model.FOLDER}: the expectations stay as they are")
        return
    document, outputs = {}, {}
    for name, (ddconfig, codes, channels) in MODELS.items():
        model = taming_model.vq_model({"ddconfig": ddconfig, "lossconfig": {}, "n_embed": codes, "embed_dim": channels})
        state = {key: value for key, value in model.state_dict().items() if not key.startswith("loss.")}
        shapes = {key: list(value.shape) for key, value in state.items()}
        for key in state:
            state[key] = torch.from_numpy(weight(key, tuple(state[key].shape), f"vqgan-{name}."))
        model.load_state_dict(state, strict=False)
        side = ddconfig["resolution"]
        pictures = torch.from_numpy(uniform(f"vqgan-{name}.pictures", (2, side, side, 3), -1, 1)).permute(0, 3, 1, 2)
        vectors = model.quant_conv(model.encoder(pictures))
        _, _, (_, _, found) = model.quantize(vectors)
        grid = side >> (len(ddconfig["ch_mult"]) - 1)
        chosen = torch.from_numpy(uniform(f"vqgan-{name}.codes", (2, grid * grid), 0, codes)).to(torch.int64)
        decoded = model.decode(model.quantize.get_codebook_entry(chosen.flatten(), (2, grid, grid, channels)))
        outputs[name + ".codes"] = found.reshape(2, -1).numpy()
        outputs[name + ".vectors"] = vectors.permute(0, 2, 3, 1).contiguous().numpy()
        outputs[name + ".decoded"] = decoded.permute(0, 2, 3, 1).contiguous().numpy()
        document[name] = {"yaml": yaml(ddconfig, codes, channels), "tensors": shapes}
        print(name, outputs[name + ".codes"][0].tolist(), float(decoded.std()))
    save_file(outputs, HERE / "vqgan.safetensors")
    (HERE / "vqgan.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    taming_model.lightning({"quantize.embedding.weight": torch.arange(6.0).reshape(3, 2), "loss.logvar": torch.zeros(1)},
                           HERE / "lightning.ckpt")


if __name__ == "__main__":
    main()
