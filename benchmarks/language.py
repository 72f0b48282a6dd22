"""A decoder of Llama-7B's width and 4 layers, greedy: reading a prompt, and tokens a second behind it, of one text and of several
together; chexgen beside PyTorch in turns; medians, ratios, and the share of what the memory's bandwidth allows, which is measured in
the same rounds.

    python benchmarks/language.py [--rounds N] [--dtype bf16|f32] [--prompt 1450] [--tokens 32] [--texts 1 8]

The weights are random and stay in ~/.cache/chexgen-benchmarks/llama, 2.1 GB.
"""

import argparse
import statistics
import sys
from pathlib import Path

import peers
from sides import BENCH, Side, serve

FOLDER = Path.home() / ".cache/chexgen-benchmarks/llama"


def prepare():
    if (FOLDER / "model.safetensors").exists():
        return
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(LlamaConfig(num_hidden_layers=4, rms_norm_eps=1e-5, max_position_embeddings=4096)).save_pretrained(FOLDER)
    # A tokenizer must be there; ids alone are written.
    tokens = "".join(f'"t{index}": {index}, ' for index in range(3, 32000))
    (FOLDER / "tokenizer.json").write_text(
        '{"model": {"type": "BPE", "byte_fallback": true, "merges": [], "vocab": {' + tokens
        + '"<unk>": 0, "<s>": 1, "</s>": 2}, "unk_token": "<unk>"}, "added_tokens": []}')
    (FOLDER / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizerFast"}')


def torch_side(dtype, prompt, tokens, texts):
    import torch
    from transformers import LlamaForCausalLM

    torch.set_num_threads(peers.THREADS)
    model = LlamaForCausalLM.from_pretrained(FOLDER, torch_dtype=getattr(torch, {"bf16": "bfloat16", "f32": "float32"}[dtype])).eval()
    ids = torch.tensor([[3 + (place * 7919 + text) % 500 for place in range(prompt)] for text in range(texts)])

    def run():
        with torch.inference_mode():
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
        return [(out.shape[1] - prompt) * texts]

    serve(run)


def weights(dtype):
    """Bytes that a token reads: all weights but the table of tokens, of which it reads a row."""
    width, inner, vocabulary, layers = 4096, 11008, 32000, 4
    return (layers * (4 * width * width + 3 * width * inner) + vocabulary * width) * (2 if dtype == "bf16" else 4)


def measure(dtype, prompt, tokens, texts, rounds):
    ours = lambda count: Side([BENCH, "language", "write", FOLDER, dtype, prompt, count, texts], peers.THREADS)
    theirs = lambda count: Side([sys.executable, __file__, "--serve", dtype, prompt, count, texts], peers.THREADS)
    sides = {"chexgen": (ours(1), ours(tokens + 1)), "PyTorch": (theirs(1), theirs(tokens + 1))}
    bandwidth, rates = Side([BENCH, "language", "bandwidth"], peers.THREADS), []
    for _ in range(rounds):
        rates.append(bandwidth.ask()[1])
        for first, whole in sides.values():
            first.ask()
            whole.ask()
    found = {name: (first.seconds(), (whole.seconds() - first.seconds()) / tokens) for name, (first, whole) in sides.items()}
    bound = weights(dtype) / statistics.median(rates)
    (reading, token), (their_reading, their_token) = found["chexgen"], found["PyTorch"]
    print(f"{dtype}, {texts} texts behind {prompt} tokens: reading {reading:.2f} s (PyTorch {their_reading / reading:.2f}), "
          f"{texts / token:.1f} tokens a second (PyTorch {their_token / token:.2f}), {bound / token:.0%} of what "
          f"{statistics.median(rates) / 1e9:.1f} GB/s allow", flush=True)
    for first, whole in sides.values():
        first.end()
        whole.end()
    bandwidth.end()


def main():
    if sys.argv[1:2] == ["--serve"]:
        return torch_side(sys.argv[2], *map(int, sys.argv[3:]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    parser.add_argument("--prompt", type=int, default=1450)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--texts", type=int, nargs="*", default=[1, 8])
    options = parser.parse_args()
    prepare()
    for texts in options.texts:
        measure(options.dtype, options.prompt, options.tokens, texts, options.rounds)


if __name__ == "__main__":
    main()
