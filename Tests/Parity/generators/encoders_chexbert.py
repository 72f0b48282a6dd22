"""Expected classes of CheXbert with weights by formula: transformers' BertModel with the heads and the preprocessing of its authors'
code, written out here.

Run in the reference environment; writes fixtures/encoders/chexbert.json. `checks/report_labels.py` takes its functions for fresh
weights.
"""
import json
import re
import tempfile
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizer

import places
from formula import weight

# The order of the heads, and that of dataset.pathologies.
FINDINGS = ["Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia",
            "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices", "No Finding"]
ORDER = sorted(range(14), key=FINDINGS.__getitem__)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:()/-"
WORDS = ["no", "pleural", "effusion", "heart", "size", "is", "normal", "mild", "edema", "left", "right", "lungs", "clear", "pneumo",
         "##thorax", "##ing", "##al"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(LETTERS) + ["##" + letter for letter in LETTERS] + WORDS


class CheXbert(torch.nn.Module):
    def __init__(self, vocabulary, width=128, layers=2, inner=96):
        super().__init__()
        self.bert = BertModel(BertConfig(vocab_size=vocabulary, hidden_size=width, num_attention_heads=width // 64,
                                         num_hidden_layers=layers, intermediate_size=inner))
        self.linear_heads = torch.nn.ModuleList([torch.nn.Linear(width, 4 if place < 13 else 2) for place in range(14)])

    @torch.no_grad()
    def labels(self, reports, tokenizer):
        """Classes in the order of dataset.pathologies."""
        rows = []
        for report in reports:
            ids = encoded(report, tokenizer)
            state = self.bert(torch.tensor([ids])).last_hidden_state[:, 0]
            found = [int(head(state).argmax(1)) for head in self.linear_heads]
            rows.append([found[place] for place in ORDER])
        return rows


def encoded(report, tokenizer):
    report = re.sub(r"\s+", " ", report.strip().replace("\n", " "))
    tokens = tokenizer.tokenize(report)
    if not tokens:
        return [tokenizer.cls_token_id, tokenizer.sep_token_id]
    ids = [tokenizer.cls_token_id] + tokenizer.convert_tokens_to_ids(tokens) + [tokenizer.sep_token_id]
    return ids[:511] + [tokenizer.sep_token_id] if len(ids) > 512 else ids


def main():
    model = CheXbert(len(VOCABULARY)).eval()
    state = model.state_dict()
    for key, value in state.items():
        if value.dtype.is_floating_point:
            state[key] = torch.from_numpy(weight(key, tuple(value.shape), "chexbert."))
    model.load_state_dict(state)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
        tokenizer = BertTokenizer(str(Path(folder) / "vocab.txt"))
    texts = [["", 1], [" \n\t", 1], ["No pleural effusion.", 1], ["no pleural effusion .", 1], ["Heart size is normal.\nLungs clear.", 1],
             ["Mild edema, left; right", 1], ["pneumothorax pneumothoraxs 12 [SEP] x", 1], ["Lungs\x1cclear\x0b\x85heart\u00a0size", 1],
             ["\u00c9dema \u4e2d \u2014 mild", 1], ["effusion ", 509], ["effusion ", 510], ["effusion ", 511], ["mild left edema. ", 1250],
             ["left lungs", 1], ["right heart 5", 1], ["edema is (normal)", 1]]
    reports = [text * times for text, times in texts]
    classes = model.labels(reports, tokenizer)
    assert len({tuple(row) for row in classes}) > 5, "the texts are told apart"
    ids = [encoded(report, tokenizer) for report in reports]
    result = {"vocabulary": VOCABULARY, "texts": texts, "lengths": [len(row) for row in ids], "ids": [row[:12] for row in ids],
              "classes": classes}
    (places.folder("encoders") / "chexbert.json").write_text(json.dumps(result, indent=None) + "\n")


if __name__ == "__main__":
    main()
