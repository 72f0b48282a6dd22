#!/usr/bin/env python3
"""Compares the classes of `model.labeler("chexbert")` with transformers' BertModel and heads of fresh random weights, saved as the
published file is.

    report_labels.py --program .build/release/chexgen --seed 1 [--radiographs FOLDER]
"""
import argparse
import csv
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from transformers import BertTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "generators"))
import encoders_chexbert as chexbert


def lua(text):
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--radiographs", type=pathlib.Path)
    options = parser.parse_args()
    source = random.Random(options.seed)
    torch.manual_seed(options.seed)
    reports = ["", " \n", "mild edema " * 400]
    reports += [" ".join(source.choice(chexbert.WORDS[:-3] + ["12.5", "T4-5", "\u00c9", "xyz", "\n"]) for _ in range(source.randrange(1, 120)))
                for _ in range(60)]
    if options.radiographs:
        with open(options.radiographs / "annotations.csv") as file:
            reports += [row["annotated_prompt"] for row in csv.DictReader(file)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab.txt").write_text("\n".join(chexbert.VOCABULARY) + "\n")
        tokenizer = BertTokenizer(str(folder / "vocab.txt"))
        model = chexbert.CheXbert(len(chexbert.VOCABULARY), width=source.choice([64, 128, 192]), layers=source.randrange(1, 5)).eval()
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(torch.randn(value.shape) * 0.1 + (1 if "LayerNorm.weight" in name else 0))
        torch.save({"epoch": 3, "model_state_dict": torch.nn.DataParallel(model).state_dict()}, folder / "chexbert.pth")
        wanted = model.labels(reports, tokenizer)
        (folder / "script.lua").write_text(f"""
local labeler = require("chexgen.model").labeler("chexbert", {{ weights = {lua(str(folder / "chexbert.pth"))},
  tokenizer = {lua(str(folder / "vocab.txt"))} }})
for _, row in ipairs(labeler:labels({{ {",".join(map(lua, reports))} }}):totable()) do print(table.concat(row, " ")) end""")
        lines = subprocess.run([options.program, "run", str(folder / "script.lua")], check=True, capture_output=True,
                               text=True).stdout.splitlines()[-len(reports):]
    found = [[int(word) for word in line.split()] for line in lines]
    differing = [place for place, rows in enumerate(zip(found, wanted)) if rows[0] != rows[1]]
    print(f"{len(reports)} reports, {len(set(map(tuple, wanted)))} different rows of classes, {len(differing)} rows differ")
    sys.exit(1 if differing or len(found) != len(wanted) else 0)


if __name__ == "__main__":
    main()
