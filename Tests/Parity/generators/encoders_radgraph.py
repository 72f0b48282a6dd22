"""Expected annotations of RadGraph with weights by formula: the package radgraph's own network, which reads an archive of AllenNLP.

Run in the reference environment with the package radgraph beside it; without it nothing is written. It is looked for in the folder that
CHEXGEN_RADGRAPH names, ~/.cache/chexgen-radgraph where it is not set:

    pip install --no-deps --target ~/.cache/chexgen-radgraph radgraph==0.1.18 dotmap appdirs jsonpickle h5py nltk

Writes fixtures/encoders/radgraph.json: of each kind of archive its config.json, and of each report its entities as
"first-last LABEL words RELATION>ENTITY,…", counted as the package counts. `checks/radgraph_annotations.py` takes `archive` for fresh
weights.
"""

import json
import os
import pathlib
import sys
import tarfile
import tempfile

import torch
from transformers import BertConfig, BertModel, BertTokenizer

import places
from encoders_chexbert import VOCABULARY
from formula import weight

FOLDER = pathlib.Path(os.environ.get("CHEXGEN_RADGRAPH") or pathlib.Path.home() / ".cache/chexgen-radgraph")
ENTITIES = ["", "ANAT-DP", "OBS-DP", "OBS-U", "OBS-DA"]
RELATIONS = ["modify", "located_at", "suggestive_of"]
BERT = {"vocab_size": len(VOCABULARY), "hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 2, "intermediate_size": 64,
        "max_position_embeddings": 512}


def configuration(bert, length, width, layers):
    """An archive's config.json, for a folder of BERT, the longest text in pieces, the widest span and the hidden layers."""
    reader = {"bert": {"type": "pretrained_transformer_mismatched", "max_length": length, "model_name": str(bert)}}
    return {
        "dataset_reader": {"type": "dygie", "max_span_width": width, "token_indexers": reader},
        "model": {"type": "dygie", "embedder": {"token_embedders": reader}, "feature_size": 6,
                  "feedforward_params": {"dropout": 0.4, "hidden_dims": 20, "num_layers": layers}, "initializer": {},
                  "module_initializer": {}, "loss_weights": {"coref": 0, "events": 0, "ner": 0.2, "relation": 1},
                  "max_span_width": width, "modules": {
                      "coref": {"spans_per_word": 0.3, "max_antecedents": 100, "coref_prop": 0}, "ner": {},
                      "relation": {"spans_per_word": 0.5},
                      "events": {"trigger_spans_per_word": 0.3, "argument_spans_per_word": 0.8,
                                 "loss_weights": {"trigger": 1, "arguments": 1}}},
                  "target_task": "relation"}}


def archive(folder, kind, value, length, width, layers):
    """Makes an archive in the place where the package looks for it, and the folder of its BERT. `value` gives each parameter's."""
    from dotmap import DotMap
    from radgraph.allennlp.data import Vocabulary
    from radgraph.allennlp.modules import text_field_embedders, token_embedders
    from radgraph.dygie.models import dygie
    bert, place = folder / f"bert-{kind}", folder / "models" / kind
    bert.mkdir(parents=True)
    (place / "vocabulary").mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    BertTokenizer(str(bert / "vocab.txt")).save_pretrained(bert)
    (bert / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    BertModel(BertConfig(**BERT)).save_pretrained(bert)
    for name, lines in ((f"{kind}__ner_labels", ENTITIES), (f"{kind}__relation_labels", RELATIONS)):
        (place / "vocabulary" / (name + ".txt")).write_text("\n".join(lines) + "\n")
    (place / "vocabulary" / "non_padded_namespaces.txt").write_text("*tags\n*labels\n")
    config = configuration(bert, length, width, layers)
    (place / "config.json").write_text(json.dumps(config))
    values = DotMap(config).model
    for name in ("type", "embedder", "initializer", "module_initializer"):
        del values[name]
    embedder = text_field_embedders.BasicTextFieldEmbedder(
        {"bert": token_embedders.PretrainedTransformerMismatchedEmbedder(model_name=str(bert), max_length=length)})
    model = dygie.DyGIE(vocab=Vocabulary.from_files(place / "vocabulary"), embedder=embedder, **values)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(value(name, tuple(parameter.shape)))
    torch.save(model.state_dict(), place / "weights.th")
    with tarfile.open(folder / f"{kind}.tar.gz", "w:gz") as tar:
        for name in ("config.json", "vocabulary", "weights.th"):
            tar.add(place / name, arcname=name)
    return bert


def annotations(folder, kind, reports):
    """What the package says of reports, a text for each."""
    from radgraph import RadGraph
    found = RadGraph(model_type=kind, model_cache_dir=str(folder / "models"), cuda=-1)(list(reports))
    return ["|".join(
        f"{entity['start_ix'] + 1}-{entity['end_ix'] + 1} {entity['label']} {entity['tokens']} "
        + ",".join(f"{name}>{other}" for name, other in entity["relations"])
        for entity in found[str(row)]["entities"].values()) for row in range(len(reports))]


def by_formula(name, shape):
    """Spans are wider than most labels want: without the shifts nearly every span would be an entity, and every pair related."""
    found = torch.from_numpy(weight(name, shape, "radgraph."))
    if len(shape) > 1 and ("_scorer" in name or "_feedforwards" in name or "_span_width" in name):
        found = found * 2
    if "_ner_scorers" in name and name.endswith("1._module.bias"):
        found = found - 1.2
    if "_relation_scorers" in name and name.endswith("bias"):
        found = found - 2
    return found


REPORTS = [
    "", "no", "No pleural effusion.", "Heart size is normal.\nLungs clear.", "Mild edema, left; right", "pneumothorax 12.5 cm (ap)",
    "\u00c9dema \u4e2d q.d., T4-5 x/y a). it's", "mild left edema . " * 6, "the right lung is clear/. no .. effusion",
    "1. heart is normal 2. no edema\n3. left pleural effusion, mild",
]


def main():
    if not (FOLDER / "radgraph").exists():
        print(f"no package radgraph in {FOLDER}: nothing is written")
        return
    sys.path.insert(0, str(FOLDER))
    result = {"vocabulary": VOCABULARY, "bert": BERT, "entities": ENTITIES, "relations": RELATIONS, "reports": REPORTS, "archives": []}
    for kind, length, width, layers in (("radgraph", 24, 3, 1), ("radgraph-xl", 512, 8, 2)):
        with tempfile.TemporaryDirectory() as folder:
            archive(pathlib.Path(folder), kind, by_formula, length, width, layers)
            found = annotations(pathlib.Path(folder), kind, REPORTS)
        assert sum(">" in line for line in found) > 3, "some entities are related"
        result["archives"].append({"kind": kind, "config": configuration("bert", length, width, layers), "annotations": found})
    (places.folder("encoders") / "radgraph.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
