"""Small CLIP and BERT vocabularies, and the ids that transformers gives for many prompts, for TokenizersTests.

usage: python tokenizers_fixtures.py                       writes the committed fixtures
       python tokenizers_fixtures.py SEED COUNT            prints random prompts and their ids for the committed vocabularies
       python tokenizers_fixtures.py --csv FILE COLUMN     prints the ids of a table's column
       python tokenizers_fixtures.py --every FIRST LAST    prints the ids of every character of a range in hexadecimal
The last three go to a file that CHEXGEN_TOKENIZER_CASES names when the tests run.
"""

import csv
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

import places

# The ids must not depend on whether ftfy is there.
sys.modules["ftfy"] = None

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers  # noqa: E402
from transformers import BertTokenizer, BertTokenizerFast, CLIPTokenizer, CLIPTokenizerFast  # noqa: E402
from transformers.models.clip.tokenization_clip import bytes_to_unicode  # noqa: E402

HERE = places.folder("tokenizers")

CORPUS = """
The heart is mildly enlarged and the lungs are clear. There is no pleural effusion or pneumothorax.
Small bilateral pleural effusions, greater on the right, with basilar atelectasis. No focal consolidation.
Interval placement of a right internal jugular central venous catheter with its tip in the superior vena cava.
Endotracheal tube terminates 4.5 cm above the carina. Nasogastric tube courses below the diaphragm.
Patchy opacities in the left lower lobe are concerning for pneumonia; follow-up radiographs are recommended.
Moderate pulmonary edema with cardiomegaly and vascular congestion, unchanged from the prior examination.
No acute cardiopulmonary process. The cardiomediastinal silhouette is within normal limits.
Low lung volumes. Streaky opacities at the bases, likely atelectasis. The patient's sternotomy wires are intact.
Large right-sided pneumothorax with leftward shift of the mediastinum. A chest tube isn't seen.
Healed fractures of the left sixth, seventh and 8th ribs. Degenerative changes of the thoracic spine.
Compared with 2019-03-14, the 12 mm nodule in the right upper lobe hasn't grown. We'll see, they're stable, I'd say.
Überprüfung der Lunge: naïve café résumé, Ångström, señor, façade, Straße, coöperate.
Рентген грудной клетки без патологии. Ακτινογραφία θώρακος χωρίς ευρήματα ΟΔΟΣ.
胸部エックス線写真 正常 肺炎 无气胸 폐렴 소견 없음
""".strip().split("\n")

PROMPTS = [
    "", " ", "\t\r\n", "a", "A photo of a chest x-ray", "No acute cardiopulmonary process.",
    "The heart is   mildly\tenlarged\nand the lungs are clear.  ",
    "PATIENT'S  it's I'M we'LL they'Ve you'RE he'D can'T 's 'S'", "''''s 'tis o'clock rock'n'roll '99",
    "4.5 cm, 12mm; 1234567890 ½ ² ³ Ⅳ ٣ ४", "follow-up/re-evaluation (2019-03-14) #7 @home & 50% + £5 = €6 ~ ^ ` _x_ |",
    "!", "Hello!", "!!! wow !!! ! !a", "<|startoftext|>", "a <|endoftext|> b", "x<|startoftext|>y<|endoftext|>z",
    "<|ENDOFTEXT|> <|StartOfText|>", "<|endoftext", "<|end oftext|>", "[CLS] a [SEP] [MASK] [PAD] [UNK]", "[cls][sep]x[MASK]y",
    "[ MASK ]", "é", "e\u0301", "a\u0308o\u0308u\u0308 ä ö ü Ä", "naïve café résumé Ångström", "Å \u212b A\u030a", "ñandú Ñ",
    "İstanbul ISPARTA ıi", "STRASSE Straße ẞ", "ΟΔΟΣ ΣΑΣ Σ ΑΣ. ΑΣ\u0301 ΑΣΑ Α'Σ Σ\u00ad", "ǅungla Ǆ ǆ", "ﬁne ﬂow ﬀ",
    "'ſome 'ſ ſtart <|ſtartoftext|>", "\u212aelvin K", "胸部エックス線写真", "肺炎 无气胸 a肺b炎c", "폐렴 \u1112\u1161\u11ab 소견", "ภาษาไทย", "हिन्दी में", "العربية ٱلْعَرَبِيَّة",
    "עִבְרִית", "Рентген ГРУДНОЙ й и\u0306", "🫁 lungs 👨‍⚕️👩🏽‍⚕️ 🇬🇧 x-ray ☢️ ❤", "\U0001FAE8 \U0001F9FF \U0001FAF6", "a\u200bb\u200cc\u200dd\ufeffe", "a\u00adb", "a\x00b\x01c\x07d\x0be\x0cf\x1cg\x7fh\x85i",
    "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u1680g\u202fh", "\ufffd a \ufffdb", "\ue000 private \U000f0000", "\u0378 \u2fe0 unassigned \U0001fbfa",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕊 𝟛", "ℌ ™ © ® ℃ №", "“quotes” ‘single’ «guillemets» – — … •", "¿qué? ¡sí!", "。、「」！？", "a\u0301\u0302\u0303b\u0323\u0307",
    "q\u0307\u0323 \u1e69 s\u0323\u0307 d\u0323\u0307", "\u0340\u0341\u0343\u0344 \u0958 \ufb1d \U0001d15e \u2adc", "\uac00\u11a8 \u1100\u1161\u11a8", "豈 \uf900 \U0002f800 丽",
    "x" * 300, "ab" * 60, "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "a " * 100, "pneumothorax " * 40,
    "1 2 3 4 5 6 7 8 9 10 " * 6, "mot\u200d\u200d \u0301start", "\u0301", "\u200d", "##ing # ##", "a##b", "\r\n\r\n x \r y", "tab\tsep\\n \\ / |",
    "Σ", "aΣ", "ΑΣ Β", "α\u0345Σ", "Ꭰ ꭰ Ა ა", "ß ŉ ǰ ΐ", "\u1f88 ᾳ ῼ", "Ǳ ǲ ǳ", "ʼn ʹ ʺ ˈ", "x²+y³=z⁴ H₂O", "①②③ ⑴ ㊿ 〇", "〡〢 ㍿", "_under_score__", "user@host.org https://x.y/z?a=b&c=d#e",
] + CORPUS + [
    # Characters beyond the first 65536 whose lower bits are a letter that composes, those that compose, and newer ones.
    "\U000100DC\u0301 \U00010041\u0300", "\U00011099\U000110BA \U00011131\U00011127 \U00011347\U0001133E \U00011935\U00011930",
    "\U0001D15E\u0301 \u09C7\u0301\u09BE \U000114B9\U000114BA", "\U000105D2\u0307 \U00011382\U000113C9 \U00016D67\U00016D67",
    "q\u1ACF\u0316 q\u0897\u0316 q\u1ABF\u0334 q\u08D3\u0334 q\U0001E2EC\u0316", "\u0F73\u0334 \u0334\u0F75 \u0F81\u0316", "\u202eabc\u202c",
]


def clip_model():
    """vocab.json's and merges.txt's content: every byte, with and without the suffix, and merges learnt from the corpus."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(vocab_size=1100, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    letters = list(bytes_to_unicode().values())
    tokens = letters + [x + "</w>" for x in letters] + ["".join(m) for m in merges]
    tokens = list(dict.fromkeys(tokens)) + ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}, merges


def bert_vocabulary():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 3 + ["abcdefghijklmnopqrstuvwxyz 0123456789 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"], trainer)
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    return tokens + [token for token in ["Heart", "é", "肺"] if token not in vocabulary]


TOKEN = lambda content, **flags: {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False} | flags

# name, folder of the vocabulary, class, tokenizer_config.json, special_tokens_map.json, added_tokens.json
VARIANTS = [
    ("sd1", "clip", CLIPTokenizer, {"model_max_length": 77, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer", "bos_token": TOKEN("<|startoftext|>"), "eos_token": TOKEN("<|endoftext|>"), "unk_token": TOKEN("<|endoftext|>"), "pad_token": "<|endoftext|>", "add_prefix_space": False, "errors": "replace"}, None, None),
    ("sd2", "clip", CLIPTokenizer, {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}, {"bos_token": {"content": "<|startoftext|>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}, "eos_token": {"content": "<|endoftext|>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}, "pad_token": "!", "unk_token": {"content": "<|endoftext|>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}}, None),
    ("decoder", "clip", CLIPTokenizer, {"model_max_length": 40, "pad_token": "!", "added_tokens_decoder": {"0": {"content": "!", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}, "1400": {"content": "<cxr>", "lstrip": True, "normalized": False, "rstrip": True, "single_word": False, "special": True}, "1401": {"content": "wow", "lstrip": False, "normalized": True, "rstrip": False, "single_word": True, "special": False}}}, None, None),
    ("legacy", "clip", CLIPTokenizer, {"pad_token": "<pad>", "model_max_length": 30}, None, {"<new>": 1200, "ab": 1201, "abab": 1202}),
    ("clip-fast", "clip-fast", CLIPTokenizerFast, {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}, None, None),
    ("bert", "bert", BertTokenizer, {"model_max_length": 128, "do_lower_case": True, "tokenizer_class": "BertTokenizer"}, None, None),
    ("bert-cased", "bert", BertTokenizer, {"model_max_length": 64, "do_lower_case": False, "tokenize_chinese_chars": False}, None, None),
    ("bert-accents", "bert", BertTokenizer, {"model_max_length": 64, "do_lower_case": True, "strip_accents": False}, None, None),
    # Classes in Rust beside the files of those in Python, and without tokenizer.json.
    ("clip-both", "clip+clip-fast", CLIPTokenizerFast, {"model_max_length": 77, "tokenizer_class": "CLIPTokenizerFast"}, None, None),
    ("clip-made", "clip", CLIPTokenizerFast, {"model_max_length": 77, "tokenizer_class": "CLIPTokenizerFast"}, None, None),
    ("bert-both", "bert+bert-fast", BertTokenizerFast, {"model_max_length": 128, "tokenizer_class": "BertTokenizerFast"}, None, None),
    ("bert-made", "bert", BertTokenizerFast, {"model_max_length": 64, "do_lower_case": False, "tokenize_chinese_chars": False, "tokenizer_class": "BertTokenizerFast"}, None, None),
    ("bert-fast", "bert-fast", BertTokenizerFast, {"model_max_length": 128, "tokenizer_class": "BertTokenizer"}, None, None),
]


def encode(prompts):
    """For each variant and prompt: the ids, padded and cut to the model's length, and how many tokens the text has."""
    result = {}
    for name, base, kind, config, mapped, added in VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            for part in base.split("+"):
                for source in (HERE / part).iterdir():
                    shutil.copy(source, folder)
            for file, content in [("tokenizer_config.json", config), ("special_tokens_map.json", mapped), ("added_tokens.json", added)]:
                if content is not None:
                    (Path(folder) / file).write_text(json.dumps(content))
            tokenizer = kind.from_pretrained(folder)
            rows = []
            for prompt in prompts:
                ids = tokenizer(prompt, padding="max_length", truncation=True, max_length=tokenizer.model_max_length).input_ids
                count = len(tokenizer(prompt, add_special_tokens=False, truncation=False).input_ids)
                last = len(ids)
                while last > 1 and ids[last - 1] == ids[-1]:
                    last -= 1
                # The tail of equal ids is written once, with how often it stands there.
                rows.append([count, ids[:last], ids[-1], len(ids) - last])
            result[name] = rows
    return result


def document(prompts):
    variants = [{"name": n, "base": b, "config": c, "map": m, "added": a} for n, b, _, c, m, a in VARIANTS]
    return {"variants": variants, "prompts": prompts, "expected": encode(prompts)}


def drawn(seed, count):
    r = random.Random(seed)
    blocks = [(0x20, 0x7F)] * 6 + [(0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE80), (0x1100, 0x1200)]
    blocks += [(0x1E00, 0x2070), (0x2070, 0x2C00), (0x3000, 0x3200), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0xF900, 0x10000)]
    blocks += [(0x10000, 0x10FFFF), (0x1D400, 0x1D800), (0x1F300, 0x1FB00), (0, 0x20), (0xA640, 0xAB70)]
    words = " ".join(CORPUS).split() + [" ", "  ", "'s", "'LL", "!", "[MASK]", "<|endoftext|>", "<cxr>", "wow", "abab"]
    prompts = []
    for _ in range(count):
        text = ""
        for _ in range(r.randrange(1, 30)):
            if r.random() < 0.4:
                text += r.choice(words) + r.choice(["", " "])
            else:
                low, high = r.choice(blocks)
                text += "".join(chr(c) for c in (r.randrange(low, high) for _ in range(r.randrange(1, 5))) if not 0xD800 <= c < 0xE000)
        prompts.append(text)
    return prompts


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--csv":
        with open(sys.argv[2], newline="") as file:
            print(json.dumps(document(sorted({row[sys.argv[3]] for row in csv.DictReader(file)}))))
    elif len(sys.argv) > 1 and sys.argv[1] == "--every":
        # Every character, alone and between letters.
        low, high = int(sys.argv[2], 16), int(sys.argv[3], 16)
        print(json.dumps(document([f"a{chr(c)}b {chr(c)}" for c in range(low, high) if not 0xD800 <= c < 0xE000])))
    elif len(sys.argv) > 1:
        print(json.dumps(document(drawn(int(sys.argv[1]), int(sys.argv[2])))))
    else:
        for folder in ["clip", "clip-fast", "bert", "bert-fast"]:
            (HERE / folder).mkdir(parents=True, exist_ok=True)
        # Equal counts fall another way in every training: a vocabulary that is there stays.
        if not (HERE / "clip/vocab.json").exists():
            vocabulary, merges = clip_model()
            (HERE / "clip/vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":")))
            (HERE / "clip/merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        if not (HERE / "bert/vocab.txt").exists():
            (HERE / "bert/vocab.txt").write_text("".join(f"{token}\n" for token in bert_vocabulary()))
        for source, target, kind in [("clip", "clip-fast", CLIPTokenizerFast), ("bert", "bert-fast", BertTokenizerFast)]:
            text = kind.from_pretrained(HERE / source).backend_tokenizer.to_str()
            (HERE / target / "tokenizer.json").write_text(json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")))
        (HERE / "cases.json").write_text(json.dumps(document(PROMPTS), ensure_ascii=False, separators=(",", ":")))
        print(sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file()), "bytes")
