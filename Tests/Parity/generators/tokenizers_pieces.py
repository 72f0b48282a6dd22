"""Small SentencePiece models, and the ids and texts that transformers gives with them, for TokenizersTests.

usage: python tokenizers_pieces.py                  writes the committed fixtures
       python tokenizers_pieces.py SEED COUNT       writes them for COUNT random prompts, with the whole rules of nmt_nfkc
       python tokenizers_pieces.py --every A B      writes them for every character from A to B in hexadecimal
The last two are for a folder that CHEXGEN_FIXTURES names, here and when the tests run.

The whole rules of nmt_nfkc have 240 kB: the committed models have those that the prompts need.
"""

import io
import json
import random
import shutil
import sys
import tempfile
import unicodedata
from pathlib import Path

import places

sys.modules["ftfy"] = None

import sentencepiece as spm  # noqa: E402
from sentencepiece import sentencepiece_model_pb2 as pb  # noqa: E402
from tokenizers import AddedToken, Tokenizer, decoders, models as models_of_tokens, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from tokenizers_fixtures import CORPUS, PROMPTS as SHARED, drawn  # noqa: E402
from transformers import GemmaTokenizer, GemmaTokenizerFast, GPTNeoXTokenizerFast, LlamaTokenizer, LlamaTokenizerFast, PreTrainedTokenizerFast, T5Tokenizer, T5TokenizerFast  # noqa: E402

HERE = places.folder("tokenizers") / "pieces"

PROMPTS = SHARED[:106:5] + ["the heart is, their heart was; eaart i", "aaarea rtheheirt ith i is"] + [
    "   leading, trailing   ", "a  b   c    d", "\u2581\u2581a \u2581b", "\u2581", " \u2581 ", "a\u2581", "\n\n\n", "a\nb\n\nc\n \n\td\t\t", "\t", "\u3000\u3000a\u3000",
    "</s>", "a</s>", "a </s> b </s>", "<pad>a<pad>", "<unk>", "x <unk> y", "<bos>a<eos>", "<s>a</s><s>", "<extra_id_0> a <extra_id_99>b<extra_id_1>", "a<extra_id_0>  \t b", "  <extra_id_7>  ",
    "<extra_id_100>", "<start_of_turn>user\nhi<end_of_turn>\n", "<0x41><0x0A>", "a<sep>b <sep> c<sep", "<sep><sep>", "\x00", "a\x00b\x00", "\x01\x02 \x1f\x7f", "\ufeffa", "ﬁ\u0301 ﬁ\u0308x", "½\u0301", "\r\n a\r\n\r\nb",
    "ｶﾞｷﾞ ﾊﾟ", "ＡＢＣ １２３　！", "㌔㍍ ㈱", "a\u200b\u200bb", "\u200b", "\u00ad", "ﷺ", "e\u0301\u0302 \u0301e", "각 \u1100\u1161\u11a8", "🏳️‍🌈🇩🇪👍🏽", "\U0010ffff \ufffe", "𝒳²", "0123456789 3.14159 1,000,000",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "the the the thethe", "I'm here. It 's fine , isn 't it ?", "wow", "wows wow!", " <cxr>  a <cxr>", "x" * 60 + " " * 60 + "y",
]

DECODED = 18


def rules(prompts):
    """The rules of nmt_nfkc for the characters of prompts, and for those of them that compose."""
    whole = spm.SentencePieceNormalizer(rule_name="nmt_nfkc", add_dummy_prefix=False, escape_whitespaces=False, remove_extra_whitespaces=False)
    letters = sorted({c for text in prompts for c in unicodedata.normalize("NFKD", text) + text} | set("\u0300\u0301\u0302\u0303\u0308") - {"\0"})
    found = {}
    for first in letters:
        for text in [first] + [first + mark for mark in letters if unicodedata.combining(mark)]:
            image = whole.normalize(text)
            if image != text and (len(text) == 1 or image != whole.normalize(text[0]) + whole.normalize(text[1])):
                found[text] = image
    hexadecimal = lambda text: " ".join(f"{ord(c):X}" for c in text)
    return "".join(f"{hexadecimal(text)}\t{hexadecimal(found[text])}\n" for text in sorted(found))


def train(kind, size, prompts, whole, identity=False, **options):
    """The bytes of a model."""
    model = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        if identity:
            options["normalization_rule_name"] = "identity"
        elif whole:
            options["normalization_rule_name"] = "nmt_nfkc"
        else:
            (Path(folder) / "rules.tsv").write_text(rules(prompts))
            options["normalization_rule_tsv"] = folder + "/rules.tsv"
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS * 3 + ["aaa aaaa the thethe \t\tx \u2581\u2581 0123456789"] * 3), model_writer=model, model_type=kind, vocab_size=size, hard_vocab_limit=False,
            character_coverage=options.pop("character_coverage", 0.98), num_threads=1, minloglevel=2, **options)
    proto = pb.ModelProto.FromString(model.getvalue())
    # The folder's name and the machine must not be in the file.
    proto.normalizer_spec.normalization_rule_tsv = ""
    return proto


def unused(proto):
    """Takes every fifth longer piece out of use."""
    for index, piece in enumerate(proto.pieces):
        if piece.type == piece.NORMAL and len(piece.piece) > 1 and index % 5 == 0:
            piece.type = piece.UNUSED
    return proto


def models(prompts, whole):
    """spiece.model's or tokenizer.model's content by the folder's name."""
    turns = ["<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "\n\n\n", "\t", "\u2581\u2581", "\u2581\u2581\u2581", "\u2581\u2581\u2581\u2581"]
    gemma = dict(byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True)
    return {
        "t5": ("spiece.model", train("unigram", 420, prompts, whole, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)),
        "bytes": ("spiece.model", train("unigram", 560, prompts, whole, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=True, user_defined_symbols=["<sep>", "the", "wow!"])),
        "gemma": ("tokenizer.model", train("bpe", 640, prompts, whole, identity=True, pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>", user_defined_symbols=turns, **gemma)),
        "llama": ("tokenizer.model", train("bpe", 560, prompts, whole, identity=True, unk_id=0, bos_id=1, eos_id=2, byte_fallback=True, remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True)),
        "unused": ("tokenizer.model", unused(train("bpe", 360, prompts, whole, unk_id=0, bos_id=1, eos_id=2, user_defined_symbols=["<sep>", "the"]))),
        "suffix": ("spiece.model", unused(train("unigram", 300, prompts, whole, identity=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, treat_whitespace_as_suffix=True, user_defined_symbols=["<sep>"]))),
    }


T5 = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 100, "model_max_length": 40}
GEMMA = {"model_max_length": 48, "add_bos_token": True, "add_eos_token": False, "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>", "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]}
LLAMA = {"model_max_length": 44, "pad_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "clean_up_tokenization_spaces": True}
TOKEN = lambda content, **flags: {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True} | flags
NEOX = {"model_max_length": 40, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|padding|>"}
ADDED = {"600": TOKEN("<cxr>", lstrip=True), "601": TOKEN("wow", single_word=True, special=False), "602": TOKEN("e\u0301", normalized=True, special=False)}

OVERLAPPING = {str(600 + index): TOKEN(content, special=False) for index, content in enumerate(["a", "ea", "aar", "rt i", "heart w", "is", " i", "th", "the", "hei", "e i"])}

# name, folders, class, tokenizer_config.json, special_tokens_map.json, added_tokens.json
VARIANTS = [
    ("t5-slow", "t5", T5Tokenizer, T5, None, None),
    ("t5-new", "t5", T5Tokenizer, T5 | {"legacy": False}, None, None),
    ("t5-added", "t5", T5Tokenizer, T5 | {"clean_up_tokenization_spaces": True, "added_tokens_decoder": {"0": TOKEN("<pad>"), "1": TOKEN("</s>"), "2": TOKEN("<unk>")} | ADDED}, None, None),
    ("t5-legacy", "t5", T5Tokenizer, {"model_max_length": 30, "padding_side": "left", "truncation_side": "left"}, {"additional_special_tokens": ["<one>"], "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, {"wow": 900}),
    ("t5-fast", "t5-fast", T5TokenizerFast, T5, None, None),
    ("t5-fast-added", "t5-fast", T5TokenizerFast, T5 | {"added_tokens_decoder": ADDED}, None, None),
    ("t5-fast-words", "t5-words", T5TokenizerFast, T5, None, None),
    ("bytes", "bytes", T5Tokenizer, T5, None, None),
    ("bytes-new", "bytes", T5Tokenizer, T5 | {"legacy": False}, None, None),
    ("suffix", "suffix", T5Tokenizer, T5, None, None),
    ("gemma-slow", "gemma", GemmaTokenizer, GEMMA, None, None),
    ("gemma-fast", "gemma-fast", GemmaTokenizerFast, GEMMA, None, None),
    ("gemma-right", "gemma-fast", GemmaTokenizerFast, GEMMA | {"padding_side": "right", "add_eos_token": True, "added_tokens_decoder": ADDED}, None, None),
    ("llama-slow", "llama", LlamaTokenizer, LLAMA, None, None),
    ("llama-new", "llama", LlamaTokenizer, LLAMA | {"legacy": False, "add_eos_token": True}, None, None),
    ("llama-fast", "llama-fast", LlamaTokenizerFast, LLAMA, None, None),
    ("llama-first", "llama-first", LlamaTokenizerFast, LLAMA, None, None),
    ("overlapping", "suffix", T5Tokenizer, T5 | {"added_tokens_decoder": OVERLAPPING}, None, None),
    ("overlapping-fast", "llama-fast", LlamaTokenizerFast, LLAMA | {"added_tokens_decoder": OVERLAPPING}, None, None),
    # A class in Rust without tokenizer.json.
    ("t5-made", "t5", T5TokenizerFast, T5, None, None),
    ("t5-made-first", "bytes", T5TokenizerFast, T5 | {"legacy": False}, None, None),
    ("gemma-made", "gemma", GemmaTokenizerFast, GEMMA, None, None),
    ("llama-made", "llama", LlamaTokenizerFast, LLAMA, None, None),
    ("llama-made-first", "llama", LlamaTokenizerFast, LLAMA | {"legacy": False}, None, None),
    # With add_prefix_space the classes in Rust leave tokenizer.json aside; here it is another model's.
    ("t5-prefix", "t5+t5-words", T5TokenizerFast, T5 | {"add_prefix_space": True}, None, None),
    ("t5-no-prefix", "t5+t5-words", T5TokenizerFast, T5 | {"add_prefix_space": False, "legacy": False}, None, None),
    ("llama-no-prefix", "llama+gemma-fast", LlamaTokenizerFast, LLAMA | {"add_prefix_space": False}, None, None),
    ("t5-both-slow", "t5+t5-words", T5Tokenizer, T5 | {"added_tokens_decoder": {}}, None, None),
    ("unused", "unused", LlamaTokenizer, LLAMA, None, None),
    ("neox", "neox", GPTNeoXTokenizerFast, NEOX, None, None),
    ("neox-added", "neox", GPTNeoXTokenizerFast, NEOX | {"add_bos_token": True, "add_eos_token": True, "padding_side": "left", "added_tokens_decoder": ADDED}, None, None),
    ("neox-plain", "neox-words", PreTrainedTokenizerFast, {"model_max_length": 40, "pad_token": "<|padding|>"}, None, None),
    ("neox-prefix", "neox-words", PreTrainedTokenizerFast, {"model_max_length": 40, "pad_token": "<|padding|>", "add_prefix_space": True}, None, None),
]


def write_models(prompts, whole):
    made = models(prompts, whole)
    for name, (file, proto) in made.items():
        (HERE / name).mkdir(parents=True, exist_ok=True)
        (HERE / name / file).write_bytes(proto.SerializeToString(deterministic=True))

    def write(name, content):
        (HERE / name).mkdir(parents=True, exist_ok=True)
        (HERE / name / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")))

    def converted(name, kind, **options):
        return json.loads(kind(str(HERE / name / made[name][0]), **options).backend_tokenizer.to_str())

    t5 = converted("t5", T5TokenizerFast)
    write("t5-fast", t5)
    # As the files that T5 was published with in 2020; and with pieces for bytes, which the class would not ask for.
    t5 = converted("bytes", T5TokenizerFast)
    t5["model"]["byte_fallback"] = True
    t5["normalizer"] = t5["normalizer"]["normalizers"][0]
    t5["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}]}
    t5["decoder"] = {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}
    write("t5-words", t5)
    write("gemma-fast", converted("gemma", GemmaTokenizerFast))
    llama = converted("llama", LlamaTokenizerFast)
    llama["model"]["merges"] = [" ".join(merge) for merge in llama["model"]["merges"]]
    write("llama-fast", llama)
    neox = byte_level()
    write("neox", neox)
    neox["normalizer"], neox["pre_tokenizer"]["add_prefix_space"] = None, True
    neox["model"]["merges"] = [" ".join(merge) for merge in neox["model"]["merges"]]
    write("neox-words", neox)
    write("llama-first", converted("llama", LlamaTokenizerFast, legacy=False, from_slow=True))


def byte_level():
    """The content of a tokenizer.json as GPT-NeoX's: pieces of bytes, normal form C, runs of spaces as added tokens."""
    made = Tokenizer(models_of_tokens.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=["<|endoftext|>", "<|padding|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    made.train_from_iterator(CORPUS * 3 + ["I'm here, you're there; it's 12 345 and 7.5 mm \u00e9\u00e8 \u4e2d\u6587\n\n  two"] * 3, trainer)
    made.add_tokens([AddedToken(" " * count, normalized=True) for count in (4, 3, 2)])
    return json.loads(made.to_str())


def encode(prompts):
    """For each variant and prompt: how many tokens the text has, padding on the left, ids, padding on the right; and texts."""
    rows, texts = {}, {}
    for name, base, kind, config, mapped, added in VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            for part in base.split("+"):
                for source in (HERE / part).iterdir():
                    shutil.copy(source, folder)
            for file, content in [("tokenizer_config.json", config), ("special_tokens_map.json", mapped), ("added_tokens.json", added)]:
                if content is not None:
                    (Path(folder) / file).write_text(json.dumps(content))
            tokenizer = kind.from_pretrained(folder)
            rows[name], texts[name] = [], []
            for index, prompt in enumerate(prompts):
                found = tokenizer(prompt, padding="max_length", truncation=True, max_length=tokenizer.model_max_length)
                text = tokenizer(prompt, add_special_tokens=False, truncation=False).input_ids
                mask = found.attention_mask
                left = next((i for i, m in enumerate(mask) if m), len(mask))
                real = sum(mask)
                assert mask[left:left + real] == [1] * real and all(i == tokenizer.pad_token_id for i, m in zip(found.input_ids, mask) if not m)
                rows[name].append([len(text), left, found.input_ids[left:left + real], len(mask) - left - real])
                if index < DECODED or len(prompts) > 1000 and len(VARIANTS) > 3:
                    texts[name].append(tokenizer.decode(text, skip_special_tokens=True))
    return rows, texts


def document(prompts):
    rows, texts = encode(prompts)
    variants = [{"name": n, "base": b, "class": k.__name__, "config": c, "map": m, "added": a} for n, b, k, c, m, a in VARIANTS]
    return {"variants": variants, "prompts": prompts, "expected": rows, "decoded": texts}


def random_prompts(seed, count):
    r = random.Random(seed)
    own = [c for text in PROMPTS[22:] for c in text.split(" ") + [text]] + ["<extra_id_3>", "</s>", "\u2581", " ", "  ", "\n", "\u0301", "a", "aa"]
    prompts = drawn(seed, count)
    for index in range(count):
        if r.random() < 0.5:
            prompts[index] = "".join(r.choice(own) if r.random() < 0.7 else r.choice(prompts[index] or " ") for _ in range(r.randrange(1, 25)))
    return prompts


if __name__ == "__main__":
    prompts, whole = PROMPTS, False
    if len(sys.argv) > 1:
        whole = True
        if sys.argv[1] == "--every":
            low, high = int(sys.argv[2], 16), int(sys.argv[3], 16)
            VARIANTS = [variant for variant in VARIANTS if variant[0] in ("bytes", "t5-fast-words", "gemma-fast")]
            prompts = [f"a{chr(c)}b {chr(c)}\u0301{chr(c)}{chr(c)}" for c in range(low, high) if not 0xD800 <= c < 0xE000]
        else:
            prompts = random_prompts(int(sys.argv[1]), int(sys.argv[2]))
    HERE.mkdir(parents=True, exist_ok=True)
    write_models(prompts, whole)
    (HERE / "cases.json").write_text(json.dumps(document(prompts), ensure_ascii=False, separators=(",", ":")))
    print(sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file()), "bytes")
