#!/usr/bin/env python3
"""Compares the metrics of reports with sacrebleu, rouge-score, scikit-learn and SciPy, and the rewards with the package radgraph where
that is installed, on random texts and on the captions of radiographs.

    report_metrics.py --program .build/release/chexgen --seed 1 [--radiographs FOLDER] [--rounds 20]

Prints the largest difference of each number.
"""
import argparse
import csv
import importlib.util
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "generators"))
import metrics_reports as reports


def lua(value):
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03d}" for byte in value.encode()) + '"'
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(map(lua, value)) + "}"
    return str(value)


SCRIPT = """
local metric, tensor = require "chexgen.metric", require "chexgen.tensor"
local function put(...) for _, x in ipairs { ... } do print(("%.17g"):format(x)) end end
local function ends(i) put(i.low, i.median, i.high) end
local function entities(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = { entities = {} }
    for j, e in ipairs(row) do list[i].entities[j] = { tokens = e[1], label = e[2], relations = e[3] } end
  end
  return list
end
"""


def package():
    """`compute_reward` of the package radgraph, without its networks; None where it is not installed."""
    found = importlib.util.find_spec("radgraph")
    if not found:
        return None
    spec = importlib.util.spec_from_file_location("rewards", pathlib.Path(found.submodule_search_locations[0]) / "rewards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def form(entities):
        return {"entities": {str(place + 1): {"tokens": tokens, "label": label, "relations": [[k, str(o)] for k, o in relations]}
                             for place, (tokens, label, relations) in enumerate(entities)}}

    return lambda a, b, reward: module.compute_reward(form(a), form(b), reward)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--radiographs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    source = random.Random(options.seed)
    captions = []
    if options.radiographs:
        with open(options.radiographs / "annotations.csv") as file:
            captions = [row["annotated_prompt"] for row in csv.DictReader(file)]
    reward_of = package()
    print("rewards beside the package radgraph" if reward_of else "the package radgraph is not installed")
    script, wanted = [SCRIPT], []

    def add(name, values):
        wanted.extend((name, value) for value in values)

    for turn in range(options.rounds):
        a, b = reports.texts(source, source.randrange(1, 80))
        if captions and turn % 3 == 0:
            b = captions
            a = [" ".join(word for word in text.split() if source.random() < 0.8) if source.random() < 0.8 else source.choice(captions)
                 for text in captions]
        if turn == 1:
            a, b = [" ".join(source.choice(reports.WORDS) for _ in range(5000)) for _ in range(2)], [
                " ".join(source.choice(reports.WORDS) for _ in range(5000)) for _ in range(2)]
        draws = 500 if turn % 5 == 2 else 0
        script.append(f"do local a, b = {lua(a)}, {lua(b)}")
        for order in (1, 2, 3, 4, 5):
            found = reports.bleu(a, b, order, draws)
            script.append(f"local s, i = metric.bleu(a, b, {{ n = {order}, replicates = {draws} }}) put(s)" + (" ends(i)" if draws else ""))
            add("BLEU", [found["score"]])
            add("BLEU's interval", found.get("interval", []))
        found = reports.rouge(a, b, draws)
        script.append(f"local m, s, i = metric.rouge_l(a, b, {{ replicates = {draws} }}) put(m) put(table.unpack(s:totable()))"
                      + (" ends(i)" if draws else "") + " end")
        add("ROUGE-L", [found["mean"]] + found["scores"])
        add("ROUGE-L's interval", found.get("interval", []))

        a, b = reports.labels(source, source.randrange(1, 60))
        script.append(f'do local a, b = tensor.new({lua(a)}, "i64"), tensor.new({lua(b)}, "i64")')
        for way in ("negative", "positive"):
            draws = 500 if turn == 2 else 0
            found = reports.chexbert(a, b, way, draws)
            keys = ("micro_14", "macro_14", "micro_5", "macro_5", "micro_4", "macro_4")
            script.append(f'local f = metric.f1_chexbert(a, b, {{ uncertain = "{way}", replicates = {draws} }})')
            for key in keys:
                script.append(f"put(f.{key})" + (f" ends(f.intervals.{key})" if draws else ""))
                add("F1 of CheXbert", [found[key]])
                add("its intervals", found["intervals"].get(key, []))
            for name in reports.NAMES:
                script.append(f'do local c = f.per_class["{name}"] put(c.precision, c.recall, c.f1, c.support) end')
                add("classes of CheXbert", found["per_class"][name])
        script.append("end")

        a, b = reports.annotations(source, source.randrange(1, 40))
        script.append(f"do local a, b = entities {lua(a)}, entities {lua(b)}")
        for reward in ("simple", "partial", "complete"):
            draws = 500 if turn == 3 else 0
            found = reports.radgraph(a, b, reward, draws)
            if reward_of:
                assert found["scores"] == [reward_of(x, y, reward) for x, y in zip(a, b)]
            script.append(f'local m, s, i = metric.f1_radgraph(a, b, {{ reward = "{reward}", replicates = {draws} }}) put(m) '
                          "put(table.unpack(s:totable()))" + (" ends(i)" if draws else ""))
            add("F1-RadGraph", [found["mean"]] + found["scores"])
            add("F1-RadGraph's interval", found.get("interval", []))
        script.append("end")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "script.lua"
        path.write_text("\n".join(script))
        lines = subprocess.run([options.program, "run", str(path)], check=True, capture_output=True, text=True).stdout.split()
    found = [float(line) for line in lines[-len(wanted):]]
    assert len(lines) >= len(wanted), (len(lines), len(wanted))
    worst = {}
    for (name, value), number in zip(wanted, found):
        worst[name] = max(worst.get(name, 0.0), abs(value - number))
    for name, difference in worst.items():
        print(f"{name:24} {sum(n == name for n, _ in wanted):6} numbers, largest difference {difference:.1e}")
    sys.exit(0 if max(worst.values()) < 1e-9 else 1)


if __name__ == "__main__":
    main()
