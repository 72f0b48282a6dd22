#!/usr/bin/env python3
"""Compares the annotations of `model.labeler("radgraph")` with those of the package radgraph, of archives with fresh random weights.

    radgraph_annotations.py --program .build/release/chexgen --seed 1 [--radiographs FOLDER]

Needs the package radgraph 0.1.18, which is not among the requirements, with the transformers that they name.
"""
import argparse
import csv
import json
import pathlib
import random
import subprocess
import sys
import tarfile
import tempfile

import torch
from dotmap import DotMap
from radgraph import RadGraph
from radgraph.allennlp.data import Vocabulary
from radgraph.allennlp.modules import text_field_embedders, token_embedders
from radgraph.dygie.models import dygie
from transformers import BertConfig, BertModel, BertTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "generators"))
from encoders_chexbert import VOCABULARY, WORDS

ENTITIES = ["", "ANAT-DP", "OBS-DP", "OBS-U", "OBS-DA"]
RELATIONS = ["modify", "located_at", "suggestive_of"]


def lua(text):
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def archive(folder, kind, source):
    """An archive's folder with random weights, in the place where the package looks for it."""
    bert, place = folder / f"bert-{kind}", folder / "models" / kind
    bert.mkdir(parents=True)
    (place / "vocabulary").mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    BertTokenizer(str(bert / "vocab.txt")).save_pretrained(bert)
    (bert / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    length = source.choice([24, 40, 512])
    BertModel(BertConfig(vocab_size=len(VOCABULARY), hidden_size=48, num_attention_heads=3, num_hidden_layers=2,
                         intermediate_size=64, max_position_embeddings=512)).save_pretrained(bert)
    for name, lines in ((f"{kind}__ner_labels", ENTITIES), (f"{kind}__relation_labels", RELATIONS)):
        (place / "vocabulary" / (name + ".txt")).write_text("\n".join(lines) + "\n")
    (place / "vocabulary" / "non_padded_namespaces.txt").write_text("*tags\n*labels\n")
    width = source.choice([3, 8, 12])
    config = {
        "dataset_reader": {"type": "dygie", "max_span_width": width, "token_indexers": {"bert": {
            "type": "pretrained_transformer_mismatched", "max_length": length, "model_name": str(bert)}}},
        "model": {"type": "dygie", "embedder": {"token_embedders": {"bert": {
            "type": "pretrained_transformer_mismatched", "max_length": length, "model_name": str(bert)}}},
            "feature_size": 6, "feedforward_params": {"dropout": 0.4, "hidden_dims": 20, "num_layers": source.choice([1, 2])},
            "initializer": {}, "module_initializer": {}, "loss_weights": {"coref": 0, "events": 0, "ner": 0.2, "relation": 1},
            "max_span_width": width, "modules": {
                "coref": {"spans_per_word": 0.3, "max_antecedents": 100, "coref_prop": 0}, "ner": {},
                "relation": {"spans_per_word": 0.5},
                "events": {"trigger_spans_per_word": 0.3, "argument_spans_per_word": 0.8, "loss_weights": {"trigger": 1, "arguments": 1}}},
            "target_task": "relation"}}
    (place / "config.json").write_text(json.dumps(config))
    values = DotMap(config).model
    for name in ("type", "embedder", "initializer", "module_initializer"):
        del values[name]
    embedder = text_field_embedders.BasicTextFieldEmbedder(
        {"bert": token_embedders.PretrainedTransformerMismatchedEmbedder(model_name=str(bert), max_length=length)})
    model = dygie.DyGIE(vocab=Vocabulary.from_files(place / "vocabulary"), embedder=embedder, **values)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.randn(value.shape) * (0.3 if value.dim() > 1 else 0.1) + (1 if "LayerNorm.weight" in name else 0))
            if "_ner_scorers" in name and name.endswith("1._module.bias"):
                value.sub_(1.2)
            if "_relation_scorers" in name and name.endswith("bias"):
                value.sub_(2)
    torch.save(model.state_dict(), place / "weights.th")
    with tarfile.open(folder / f"{kind}.tar.gz", "w:gz") as tar:
        for name in ("config.json", "vocabulary", "weights.th"):
            tar.add(place / name, arcname=name)
    return bert


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
            bert = archive(folder, kind, source)
            found = RadGraph(model_type=kind, model_cache_dir=str(folder / "models"), cuda=-1)(list(reports))
            wanted = []
            for row in range(len(reports)):
                entities = found[str(row)]["entities"]
                wanted.append("|".join(
                    f"{e['start_ix'] + 1}-{e['end_ix'] + 1} {e['label']} {e['tokens']} "
                    + ",".join(f"{name}>{other}" for name, other in e["relations"]) for e in entities.values()))
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
