"""Expected outputs of the encoders with weights by formula: torch-fidelity's InceptionV3, transformers' Dinov2Model.

Run in the reference environment; writes fixtures/encoders/networks.safetensors.
"""

import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from torch_fidelity import feature_extractor_inceptionv3 as fidelity
from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

import places
from formula import uniform, weight

outputs = {}


def fill(model, salt=""):
    state = model.state_dict()
    for name, value in state.items():
        if value.dtype.is_floating_point:
            state[name] = torch.from_numpy(weight(name, tuple(value.shape), salt))
    model.load_state_dict(state)
    return model.eval()


def inception():
    """The extractor, built without its weight file."""
    load, load_state = torch.load, torch.nn.Module.load_state_dict
    torch.load = lambda *a, **k: {}
    torch.nn.Module.load_state_dict = lambda self, *a, **k: None
    try:
        with tempfile.NamedTemporaryFile() as empty:
            net = fidelity.FeatureExtractorInceptionV3(
                "x", ["2048", "logits_unbiased", "logits"], feature_extractor_weights_path=empty.name)
    finally:
        torch.load, torch.nn.Module.load_state_dict = load, load_state
    return fill(net)


def bytes_image(name, height, width):
    """Noise over a slope, u8 [H, W, 3]."""
    noise = uniform(name, (height, width, 3), 0, 256).astype(np.uint8).astype(int)
    y, x = np.mgrid[0:height, 0:width]
    return ((noise + (x + 2 * y)[:, :, None]) // 2 % 256).astype(np.uint8)


def nchw(array):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


with torch.no_grad():
    net = inception()
    features, unbiased, logits = net(nchw(np.stack([bytes_image("a", 299, 299), bytes_image("b", 299, 299)])))
    outputs["inception.features"] = features.numpy()
    outputs["inception.logits_unbiased"] = unbiased[:1].numpy()
    outputs["inception.logits"] = logits[:1].numpy()
    outputs["inception.resized"] = net(nchw(bytes_image("c", 200, 320)[None]))[0].numpy()

    small = Dinov2Config(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, image_size=70, patch_size=14)
    net = fill(Dinov2Model(small), "small.")
    pixels = uniform("pixels", (2, 70, 70, 3), -2, 2)
    result = net(nchw(pixels))
    outputs["small.pooled"] = result.pooler_output.numpy()
    outputs["small.tokens"] = result.last_hidden_state[:1].numpy()
    outputs["small.wide"] = net(nchw(uniform("wide", (1, 56, 84, 3), -2, 2))).pooler_output.numpy()
    outputs["small.large"] = net(nchw(uniform("large", (1, 98, 98, 3), -2, 2))).pooler_output.numpy()
    outputs["small.odd"] = net(nchw(uniform("odd", (1, 75, 80, 3), -2, 2))).pooler_output.numpy()

    processor = BitImageProcessor(
        size={"shortest_edge": 76}, crop_size={"height": 70, "width": 70}, image_mean=[0.5307, 0.5, 0.45],
        image_std=[0.2583, 0.25, 0.3])
    film = Image.fromarray(bytes_image("film", 150, 91))
    for way, image in (("exact", film), ("chexgenbench", film.resize((299, 299), Image.BILINEAR))):
        ready = processor(images=image, return_tensors="pt")["pixel_values"]
        outputs[f"small.{way}"] = net(ready).pooler_output.numpy()

    gated = Dinov2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=1, image_size=154, patch_size=14, mlp_ratio=3,
        use_swiglu_ffn=True, qkv_bias=False)
    net = fill(Dinov2Model(gated), "gated.")
    outputs["gated.pooled"] = net(nchw(uniform("gated", (1, 154, 154, 3), -2, 2))).pooler_output.numpy()

save_file({k: np.ascontiguousarray(v) for k, v in outputs.items()}, places.folder("encoders") / "networks.safetensors")
for name, value in outputs.items():
    print(name, value.shape, float(value.mean()), float(value.std()))
