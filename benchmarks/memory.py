"""The most memory that a picture takes with models of full size, in bf16, beside the bound that is promised: FLUX.1's denoiser, 24 GB,
whose weights are streamed, and PixArt-Sigma with T5-XXL, whose weights are held.

    python benchmarks/memory.py [--only flux|pixart] [--chexgen PROGRAM]

Weights are zeros in files with holes, which take no room on the disk: memory does not depend on what they are. They are read, packed and
multiplied as any others, and the picture is finite, or the program would refuse it. Memory is the largest resident size of the whole
process, mapped files included, as the system counts it at its end. Wants a release build of chexgen, 18 GB of memory for PixArt-Sigma,
and no room to speak of on the disk. The figures are not compared with peers.
"""

import argparse
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOKENIZERS = HERE.parent / "Tests/Parity/fixtures/tokenizers"
# Whether weights are streamed, the side of the picture, and the bound in GB for weights of so many.
MODELS = {"flux": (True, 256, lambda weights: 8), "pixart": (False, 512, lambda weights: 1.3 * weights + 1.5)}
SCRIPT = """
local model = require "chexgen.model"
local pipe = model.pipeline("%s", { dtype = "bf16", stream = %s })
pipe:generate { prompt = "no acute cardiopulmonary process", seed = 42, steps = 1, width = %d, height = %d }
print(pipe:memory().peak)
"""


def write(folder, network, name):
    """Writes a network of PyTorch's meta device, which has shapes alone, with weights of zeros. Returns their bytes."""
    folder.mkdir(parents=True)
    (getattr(network, "save_config", None) or network.config.save_pretrained)(folder)
    header, size = {}, 0
    for key, value in network.state_dict().items():
        # T5 shares its table, which files hold once.
        if key == "encoder.embed_tokens.weight":
            continue
        count = 2 * math.prod(value.shape)
        header[key] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [size, size + count]}
        size += count
    text = json.dumps(header).encode()
    # As safetensors pads it: values that are not aligned cannot be used where they lie.
    text += b" " * (-len(text) % 8)
    with open(folder / f"{name}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + size)
    return size


def t5(**sizes):
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(d_model=4096, feed_forward_proj="gated-gelu", **sizes))


def autoencoder(channels, **more):
    from diffusers import AutoencoderKL

    return AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                         block_out_channels=channels, **more)


def flux():
    """FLUX.1's denoiser with small text encoders and a small autoencoder."""
    from diffusers import FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel

    scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "use_dynamic_shifting": True}
    return "FluxPipeline", scheduler, {
        "transformer": FluxTransformer2DModel(guidance_embeds=True),
        "vae": autoencoder((32, 32, 64, 64), latent_channels=16, use_quant_conv=False, use_post_quant_conv=False),
        "text_encoder": CLIPTextModel(CLIPTextConfig(
            hidden_size=768, intermediate_size=768, num_hidden_layers=1, num_attention_heads=12)),
        "text_encoder_2": t5(vocab_size=1200, d_kv=64, d_ff=512, num_layers=1, num_heads=8)}


def pixart():
    """PixArt-Sigma at 512 x 512, all of its size."""
    from diffusers import PixArtTransformer2DModel

    return "PixArtSigmaPipeline", {"_class_name": "DPMSolverMultistepScheduler"}, {
        "transformer": PixArtTransformer2DModel(sample_size=64, caption_channels=4096, interpolation_scale=1,
                                                use_additional_conditions=False),
        "vae": autoencoder((128, 256, 512, 512), layers_per_block=2),
        "text_encoder": t5(vocab_size=32128, d_kv=64, d_ff=10240, num_layers=24, num_heads=64)}


def build(name, folder):
    """Writes a pipeline in diffusers' layout. Returns the bytes of its weights."""
    import torch

    with torch.device("meta"):
        class_name, scheduler, parts = {"flux": flux, "pixart": pixart}[name]()
    (folder / "scheduler").mkdir(parents=True)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler))
    index, size = {"_class_name": class_name, "scheduler": ["diffusers", scheduler["_class_name"]]}, 0
    for part, network in parts.items():
        index[part] = ["any", type(network).__name__]
        is_text = part.startswith("text")
        size += write(folder / part, network, "model" if is_text else "diffusion_pytorch_model")
        if is_text:
            # Small vocabularies do: the length of a text is the same.
            is_t5 = type(network).__name__.startswith("T5")
            words = part.replace("text_encoder", "tokenizer")
            index[words] = ["transformers", "T5Tokenizer" if is_t5 else "CLIPTokenizer"]
            (folder / words).mkdir()
            for file in ["pieces/t5/spiece.model"] if is_t5 else ["clip/vocab.json", "clip/merges.txt"]:
                shutil.copy(TOKENIZERS / file, folder / words)
    (folder / "model_index.json").write_text(json.dumps(index))
    return size


def measure(program, script):
    """The largest resident size of the program, in bytes, what it printed and how long it took."""
    start = time.perf_counter()
    process = subprocess.Popen([program, "run", script], stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    # A child's figure begins with this process's own size, half a gigabyte.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"chexgen failed with status {process.returncode}")
    return usage.ru_maxrss * 1024, text, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=MODELS)
    parser.add_argument("--chexgen", default=HERE.parent / ".build/release/chexgen")
    options = parser.parse_args()
    failures = 0
    print(f"{'a picture, bf16, GB':<34}{'weights':>9}{'planned':>9}{'peak':>9}{'bound':>9}{'seconds':>9}")
    for name in [options.only] if options.only else MODELS:
        is_streamed, side, bound = MODELS[name]
        with tempfile.TemporaryDirectory() as temporary:
            weights = build(name, Path(temporary) / "model") / 1e9
            script = Path(temporary) / "picture.lua"
            script.write_text(SCRIPT % (f"{temporary}/model", str(is_streamed).lower(), side, side))
            peak, text, seconds = measure(options.chexgen, script)
        title = f"{name}, {side} x {side}{', streamed' if is_streamed else ''}"
        planned = int(text.split()[-1]) / 1e9
        print(f"  {title:<32}{weights:9.2f}{planned:9.2f}{peak / 1e9:9.2f}{bound(weights):9.2f}{seconds:9.1f}", flush=True)
        failures += peak / 1e9 > bound(weights)
    if failures:
        sys.exit(f"{failures} above the bound")


if __name__ == "__main__":
    main()
