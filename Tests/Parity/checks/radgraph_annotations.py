#!/usr/bin/env python3
"""Compares the annotations of `model.labeler("radgraph")` with those of the package radgraph, of archives with fresh random weights.

    radgraph_annotations.py --program .build/release/chexgen --seed 1 [--radiographs FOLDER]

Needs the package radgraph 0.1.18 where `generators/encoders_radgraph.py` looks for it.
"""
import argparse
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "generators"))
from encoders_chexbert import WORDS
from encoders_radgraph import FOLDER, annotations, archive

sys.path.insert(0, str(FOLDER))

def lua(text):
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def fresh(name, shape):
    """A random value of a parameter; spans that are no entities, and pairs that are not related, are to be the most."""
    value = torch.randn(shape) * (0.3 if len(shape) > 1 else 0.1) + (1 if "LayerNorm.weight" in name else 0)
    if "_ner_scorers" in name and name.endswith("1._module.bias"):
        value.sub_(1.2)
    if "_relation_scorers" in name and name.endswith("bias"):
        value.sub_(2)
    return value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--radiographs", type=pathlib.Path)
    options = parser.parse_args()
    source = random.Random(options.seed)
    torch.manual_seed(options.seed)
    pieces = WORDS[:-3] + ["12.5", "T4-5", "\u00c9", "xyz", "\n", "(ap)", "5%.", "x/y", "a).", "it's", "q.d.,", "\\n", "\u4e2d", "..", "/."]
    reports = ["", "no", "mild edema . " * 90] + [" ".join(source.choice(pieces) for _ in range(source.randrange(1, 50))) for _ in range(20)]
    if options.radiographs:
        with open(options.radiographs / "annotations.csv") as file:
            reports += [row["annotated_prompt"] for row in csv.DictReader(file)][:20]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for kind in ("radgraph", "radgraph-xl"):
            bert = archive(folder, kind, fresh, source.choice([24, 40, 512]), source.choice([3, 8, 12]), source.choice([1, 2]))
            wanted = annotations(folder, kind, reports)
            (folder / "script.lua").write_text(f"""
local labeler = require("chexgen.model").labeler("radgraph", {{ weights = {lua(str(folder / (kind + ".tar.gz")))},
  tokenizer = {lua(str(bert))} }})
for _, report in ipairs(labeler:annotate {{ {",".join(map(lua, reports))} }}) do
  local list = {{}}
  for i, e in ipairs(report.entities) do
    local relations = {{}}
    for j, r in ipairs(e.relations) do relations[j] = r[1] .. ">" .. r[2] end
    list[i] = ("%d-%d %s %s %s"):format(e.first, e.last, e.label, e.tokens, table.concat(relations, ","))
  end
  print("= " .. table.concat(list, "|"))
end""")
            done = subprocess.run([options.program, "run", str(folder / "script.lua")], capture_output=True, text=True)
            lines = [line[2:] for line in done.stdout.splitlines() if line.startswith("= ")]
            differing = [row for row, pair in enumerate(zip(lines, wanted)) if pair[0] != pair[1]]
            entities = sum(len(line.split("|")) for line in wanted if line)
            print(f"{kind}: {len(reports)} reports, {entities} entities, {sum(line.count('>') for line in wanted)} relations, "
                  f"{len(differing)} reports differ", done.stderr[-800:])
            for row in differing[:3]:
                print(repr(reports[row]), lines[row], wanted[row], sep="\n  ")
            # Of tens of thousands of scores one may stand so near to the null's that rounding decides.
            bad += max(0, len(differing) - 1) + (len(lines) != len(wanted))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
