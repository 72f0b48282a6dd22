"""Writes what pandas, NumPy and scikit-learn choose and read, for DatasetsTests: Tests/Parity/fixtures/datasets/.

Usage: python datasets_fixtures.py [SEED]; the committed files were made with seed 20. With CHEXGEN_FIXTURES, which names another
folder for this script and for the tests, they can be run on the draws of another seed.
"""

import ast
import json
import random
import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, train_test_split

import places

PATHOLOGIES = [
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
    "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
]
NULLS = sorted(pd._libs.parsers.STR_NA_VALUES)
WORDS = NULLS + [
    "a", "Z", "0", "007", "1E5", "TRUE", " lead", "trail ", " ", "na", "Na", "NONE", "Null", " NA", "NA ", "é", "e\u0301",
    "胸部", "🫁", "comma, here", 'quote " here', '""', '"', "line\nbreak", "line\r\nbreak", "cr\rhere", "tab\there",
    "\u2028", "=cmd|' /C calc'!A0", "@sum", "-1.0", "+3", "- item", "'", "\\", "\\n", "#", "x" * 100, "\ufeff",
]


def selections(rng):
    cases = []
    for size in [2, 3, 7, 20, 99, 100, 257, 1000]:
        seed = rng.choice([0, 1, 42, rng.randrange(2**32), 2**32 - 1])
        n = rng.randrange(1, size + 1)
        frame = pd.DataFrame({"row": range(size)})
        frame["text"] = [rng.choice(["a", "b", "é", "e\u0301", None, "NA", ""] + [f"p{k}" for k in range(size // 2)]) for _ in range(size)]
        read = frame["text"].where(~frame["text"].isin(["NA", ""]), None)
        letters = [f"p{rng.randrange(10**6)}" for _ in range(max(2, size // 3))] + ["P", "é", "zz"]
        numbers = [str(rng.randrange(10**rng.randrange(1, 9))) for _ in range(max(2, size // 3))]
        frame["patient"] = [rng.choice(letters) for _ in range(size)]
        frame["subject"] = [rng.choice(numbers) for _ in range(size)]
        share = rng.choice([0.05, 0.1, 0.2, 0.3, 0.5, 0.07])
        case = {"size": size, "seed": seed, "n": n, "share": share}
        for key in ["text", "patient", "subject"]:
            case[key] = [None if v is None else str(v) for v in frame[key]]
        case["sample"] = frame.sample(n=n, random_state=seed)["row"].tolist()
        train, test = train_test_split(frame["row"].tolist(), test_size=share, random_state=seed)
        case["train"], case["test"] = train, test
        for key, groups in [("patient", frame["patient"]), ("subject", frame["subject"].astype(int))]:
            if groups.nunique() >= 2:
                splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
                try:
                    train, test = next(splitter.split(frame, groups=groups))
                except ValueError:
                    continue
                case[f"train_{key}"], case[f"test_{key}"] = train.tolist(), test.tolist()
        case["unique"] = frame.assign(text=read).drop_duplicates(subset="text")["row"].tolist()
        values = rng.sample(case["text"], k=min(3, size))
        wanted = [None if v in (None, "", "NA") else v for v in values]
        case["values"] = wanted
        case["isin"] = frame[read.isin(wanted) if None not in wanted else (read.isin(wanted) | read.isna())]["row"].tolist()
        parts = rng.randrange(1, size + 3)
        case["shards"] = [part.tolist() for part in np.array_split(np.arange(size), parts)]
        case["dropna"] = frame.assign(text=read).dropna(subset=["text"])["row"].tolist()
        cases.append(case)
    return cases


def field(rng, text, last_resort):
    if last_resort or any(c in text for c in ',"\n\r') or rng.random() < 0.3:
        return '"' + text.replace('"', '""') + '"'
    return text


def nasty(rng, folder, number):
    columns = ["id", "named, with comma", 'a "quoted" name', "é", "line\nname"]
    rows = [[rng.choice(WORDS) for _ in columns] for _ in range(60)]
    end = rng.choice(["\n", "\r\n"])
    lines = [",".join(field(rng, text, False) for text in row) for row in [columns] + rows]
    text = rng.choice(["", "\ufeff"]) + end.join(lines) + rng.choice(["", end, end + end])
    path = folder / f"nasty{number}.csv"
    path.write_bytes(text.encode())
    frame = pd.read_csv(path, dtype=str, lineterminator=None)
    cells = [[None if pd.isna(v) else v for v in row] for row in frame.itertuples(index=False, name=None)]
    assert frame.columns.tolist() == columns and len(cells) == len(rows), path
    # What pandas writes for the same frame; cells that we quote on purpose are left out.
    bare = [row for row in rows if not any(w[:1] in "=@" or "\r" in w for w in row if w)]
    written = pd.DataFrame([[None if v in NULLS else v for v in row] for row in bare], columns=columns).to_csv(index=False)
    return {"file": path.name, "columns": columns, "cells": cells, "raw": rows, "bare": bare, "written": written}


def labels(rng, folder):
    rows, expected = [], []
    for k in range(60):
        values = {name: rng.choice([None, None, 1.0, 0.0, -1.0, 1, 0, -1]) for name in PATHOLOGIES}
        names = list(PATHOLOGIES)
        if k % 3 == 1:
            rng.shuffle(names)
        if k % 5 == 2:
            names = names[: rng.randrange(0, 15)]
        values = {name: values[name] for name in names}
        text = json.dumps(values) if k % 4 == 3 else repr(values)
        if k % 7 == 0:
            text = " " + text.replace(": ", " :\n\t") + "  "
        parsed = json.loads(text) if k % 4 == 3 else ast.literal_eval(text.strip())
        rows.append({"path": f"{k}.png", "chexpert_labels": text, **{n: parsed.get(n) for n in PATHOLOGIES}})
        expected.append([None if parsed.get(n) is None else int(parsed[n]) for n in PATHOLOGIES])
    pd.DataFrame(rows)[["path", "chexpert_labels"]].to_csv(folder / "labels.csv", index=False)
    pd.DataFrame(rows)[["path"] + PATHOLOGIES].astype({n: float for n in PATHOLOGIES}).to_csv(folder / "label_columns.csv", index=False)
    return expected


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    folder = places.folder("datasets")
    rng = random.Random(seed)
    result = {
        "selections": selections(rng),
        "nasty": [nasty(rng, folder, number) for number in range(3)],
        "labels": labels(rng, folder),
    }
    (folder / "expected.json").write_text(json.dumps(result, separators=(",", ":")))


main()
