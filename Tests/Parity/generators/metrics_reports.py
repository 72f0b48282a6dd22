"""Expected values of the metrics of reports: sacrebleu, rouge-score, scikit-learn and SciPy, with the rewards of the package radgraph
written out here.

Run in the reference environment; writes fixtures/metrics/reports.json. `checks/report_metrics.py` takes its functions for fresh
texts.
"""
import json
import random

import numpy as np
from rouge_score import rouge_scorer, scoring
from sacrebleu.metrics import BLEU
from scipy.stats import bootstrap
from sklearn.metrics import classification_report, precision_recall_fscore_support

import places

# In the order of dataset.pathologies.
NAMES = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
         "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices"]
FIVE = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
FOUR = ["Atelectasis", "Cardiomegaly", "Pleural Effusion", "Support Devices"]
WORDS = ["the", "lungs", "are", "clear", "no", "pleural", "effusion", "Heart", "size", "is", "normal", "a", "mild", "edema", "and",
         "left", "right"]
PIECES = ["1.5 cm", "3,2", "T4-5", "q.d.,", "x-ray", "&quot;no&quot;", "&amp;lt;", "a&b", "<skipped>", "(ap)", "50%.", "[x]", "it's", "...",
          "2.", ".3", "-4", "5-", "a-\nb", "\n", "\r\n", "\t", "\u00a0", "\u2003x", "\x1c", "\x85", "\u212a\u0130", "\u00e9\u0301", "e\u0301", "\u00c4rger,",
          "\u4e2d\u6587\u3002", "\U0001f600.", "\u0399\u03a3.", "_", "a_b", "{~}", "/", "\\", "9,9.9", "#7", "\u0660.\u0661", "$5,000.00", "A.B.C."]


def texts(source, count):
    """Pairs of texts that share much, little or nothing."""
    candidates, references = [], []
    for _ in range(count):
        words = [source.choice(PIECES if source.random() < 0.25 else WORDS) for _ in range(source.randrange(0, 30))]
        other = [word if source.random() < 0.7 else source.choice(PIECES + WORDS) for word in words if source.random() < 0.9]
        glue = [source.choice([" ", " ", " ", ""]) for _ in range(60)]
        candidates.append("".join(a + b for a, b in zip(words, glue)))
        references.append("".join(a + b for a, b in zip(other, reversed(glue))))
        if source.random() < 0.05:
            source.choice([candidates, references])[-1] = source.choice(["", " ", "no", "Clear lungs."])
    return candidates, references


def bleu(candidates, references, order, draws):
    metric = BLEU(max_ngram_order=order)
    result = {"score": metric.corpus_score(candidates, [references]).score}
    if draws:
        # As `corpus_score(n_bootstrap=…)`; the sums are f32, what follows f64 as under the NumPy 1 that the reference pins.
        stats = np.array(metric._extract_corpus_statistics(candidates, [references]), dtype="float32")
        rows = np.random.default_rng(12345).choice(len(stats), size=(draws, len(stats)), replace=True)
        scores = sorted(metric._compute_score_from_stats(stats[row].sum(0).astype(float)).score for row in rows)
        half = 0.5 * (scores[draws - draws // 40 - 1] - scores[draws // 40])
        result["interval"] = [float(np.mean(scores) - half), result["score"], float(np.mean(scores) + half)]
    return result


def rouge(candidates, references, draws):
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    scores = [scorer.score(reference, candidate) for candidate, reference in zip(candidates, references)]
    result = {"scores": [score["rougeL"].fmeasure for score in scores]}
    result["mean"] = float(np.mean(result["scores"]))
    if draws:
        np.random.seed(3)
        aggregator = scoring.BootstrapAggregator(n_samples=draws)
        for score in scores:
            aggregator.add_scores(score)
        found = aggregator.aggregate()["rougeL"]
        result["interval"] = [float(part.fmeasure) for part in (found.low, found.mid, found.high)]
    return result


def resampled(count, statistic, draws):
    found = bootstrap((np.arange(count),), statistic, vectorized=False, method="percentile", n_resamples=draws, random_state=3)
    return [float(found.confidence_interval.low), float(np.median(found.bootstrap_distribution)),
            float(found.confidence_interval.high)]


def labels(source, count):
    """Classes of candidates and references, some findings rare."""
    rates = [source.random() ** 2 for _ in NAMES]
    draw = lambda: [[source.choice([1, 1, 2, 3]) if source.random() < rate else 0 for rate in rates] for _ in range(count)]
    references = draw()
    candidates = [[old if source.random() < 0.7 else new for old, new in zip(*rows)] for rows in zip(references, draw())]
    return candidates, references


def chexbert(candidates, references, uncertain, draws):
    positive = [1, 3] if uncertain == "positive" else [1]
    predicted, wanted = (np.isin(rows, positive).astype(int) for rows in (candidates, references))
    five, four = ([NAMES.index(name) for name in names] for names in (FIVE, FOUR))
    result = {"per_class": {}, "intervals": {}}
    for suffix, columns, names in (("14", list(range(14)), NAMES), ("5", five, FIVE), ("4", four, FOUR)):
        a, b = predicted[:, columns], wanted[:, columns]
        report = classification_report(b, a, target_names=names, output_dict=True, zero_division=0)
        for average in ("micro", "macro"):
            result[f"{average}_{suffix}"] = report[f"{average} avg"]["f1-score"]
            if draws:
                result["intervals"][f"{average}_{suffix}"] = resampled(len(a), lambda rows: precision_recall_fscore_support(
                    b[rows], a[rows], average=average, zero_division=0)[2], draws)
        if suffix == "14":
            for name in names:
                result["per_class"][name] = [report[name][key] for key in ("precision", "recall", "f1-score", "support")]
    return result


def annotations(source, count):
    """Entities with relations: (tokens, label, [(kind, place from 1)])."""
    words = ["Lungs", "lungs", "effusion", "Effusion", "left lower lobe", "\u00c9dema", "\u00e9dema", "e\u0301dema"]
    one = lambda size: [[source.choice(words), source.choice(["ANAT-DP", "OBS-DP", "OBS-DA"]),
                         [[source.choice(["located_at", "modify"]), source.randrange(1, size + 1)]
                          for _ in range(source.choice([0, 0, 1, 1, 2]))]] for _ in range(size)]
    candidates = [one(source.randrange(0, 8)) for _ in range(count)]
    references = [[entity for entity in row] if source.random() < 0.4 else one(source.randrange(0, 8)) for row in candidates]
    return candidates, references


def radgraph(candidates, references, reward, draws):
    def facts(entities):
        found = set()
        for tokens, label, relations in entities:
            if reward == "simple" or not relations:
                found.add((tokens, label))
            elif reward == "partial":
                found.add((tokens, label, True))
            else:
                found |= {(tokens.lower(), label, kind, entities[other - 1][0].lower()) for kind, other in relations}
        return found

    scores = []
    for candidate, reference in zip(map(facts, candidates), map(facts, references)):
        common = len(candidate & reference)
        precision, recall = common / max(1, len(candidate)), common / max(1, len(reference))
        scores.append(2 * precision * recall / (precision + recall) if common else 0.0)
    result = {"scores": scores, "mean": float(np.mean(scores))}
    if draws:
        result["interval"] = resampled(len(scores), lambda rows: np.mean([scores[row] for row in rows]), draws)
    return result


def main():
    source = random.Random(13)
    a, b = texts(source, 60)
    result = {"texts": {"candidates": a, "references": b, "bleu": [bleu(a, b, n, 500 if n in (1, 4) else 0) for n in range(1, 7)],
                        "rouge": rouge(a, b, 500)}}
    result["single"] = []
    for a, b in (("", ""), ("", "x"), ("x", ""), ("no", "no"), ("a b c d", "a b c d"), ("a b c", "a b c d e"), ("a b c d e", "a b x d e"),
                 ("The lungs are clear.", "the Lungs are clear")):
        result["single"].append({"candidate": a, "reference": b, "bleu": [bleu([a], [b], n, 0)["score"] for n in range(1, 5)],
                                 "rouge": rouge([a], [b], 0)["mean"]})
    a, b = labels(source, 40)
    result["labels"] = {"candidates": a, "references": b,
                        **{way: chexbert(a, b, way, 500) for way in ("negative", "positive")}}
    a, b = annotations(source, 40)
    result["annotations"] = {"candidates": a, "references": b,
                             **{reward: radgraph(a, b, reward, 500) for reward in ("simple", "partial", "complete")}}
    (places.folder("metrics") / "reports.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
