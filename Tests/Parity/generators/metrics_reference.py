"""Expected values of the metrics, by torchmetrics 1.7.1, prdc 0.2, scikit-learn 1.6.1 and mpmath.

Writes fixtures/metrics/reference.json. The features come from a formula that Features.swift shares.
"""
import json

import mpmath
import numpy as np
import prdc
import sklearn.metrics as sk
import torch
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

import places

MASK = np.uint64(0xFFFFFFFFFFFFFFFF)


def uniforms(key, count):
    """24-bit fractions: splitmix64 of key * 2^32 + index."""
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + np.uint64(key << 32)
        z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


def features(key, rows, columns):
    own = uniforms(key, rows * columns).reshape(rows, columns) - 0.5
    common = uniforms(key + 1000, rows)[:, None] - 0.5
    column = np.arange(columns)
    values = own * (1 + column % 7) * 0.5 + common * (column % 3) + 0.125 * (key % 3)
    return values.astype(np.float32)


def case(name):
    """Pairs of sets; the test makes the same ones."""
    if name == "fewer rows than columns":
        return features(1, 20, 48), features(2, 24, 48)
    if name == "as many rows as columns":
        return features(3, 16, 16), features(4, 16, 16)
    if name == "one row more":
        return features(3, 17, 16), features(4, 17, 16)
    if name == "more rows than columns":
        return features(5, 60, 12), features(6, 50, 12)
    if name == "one set of each kind":
        return features(5, 60, 24), features(6, 10, 24)
    if name == "two rows":
        return features(7, 2, 5), features(8, 2, 5)
    if name == "collapsed":
        return features(9, 30, 8), np.repeat(features(10, 1, 8), 30, axis=0)
    if name == "two modes":
        return features(9, 30, 20), np.repeat(features(10, 2, 20), 15, axis=0)
    if name == "constant columns":
        a, b = features(11, 40, 10), features(12, 40, 10)
        a[:, 3] = 0.25
        b[:, 3] = 0.25
        b[:, 5] = -1
        return a, b
    if name == "far apart":
        return features(13, 40, 10), (features(14, 40, 10) + np.float32(100)).astype(np.float32)
    raise KeyError(name)


CASES = ["fewer rows than columns", "as many rows as columns", "one row more", "more rows than columns",
         "one set of each kind", "two rows", "collapsed", "two modes", "constant columns", "far apart"]


def torchmetrics_fid(a, b):
    moments = []
    for x in (a, b):
        x = torch.from_numpy(x).double()
        n = len(x)
        mean = x.sum(0) / n
        moments += [mean, (x.t() @ x - n * mean[:, None] @ mean[None]) / (n - 1)]
    return _compute_fid(moments[0], moments[1], moments[2], moments[3]).item()


def exact_fid(a, b):
    """The Fréchet distance in 60 digits, through the singular values of the centred cross product."""
    mpmath.mp.dps = 60
    centred, means, trace = [], [], mpmath.mpf(0)
    for x in (a, b):
        m = mpmath.matrix(x.astype(float).tolist())
        mean = [mpmath.fsum(m[:, j]) / m.rows for j in range(m.cols)]
        scale = mpmath.sqrt(m.rows - 1)
        for i in range(m.rows):
            for j in range(m.cols):
                m[i, j] = (m[i, j] - mean[j]) / scale
        trace += mpmath.fsum(v * v for v in m)
        centred.append(m)
        means.append(mean)
    cross = mpmath.svd_r(centred[0] * centred[1].T, compute_uv=False)
    shift = mpmath.fsum((p - q) ** 2 for p, q in zip(*means))
    return float(shift + trace - 2 * mpmath.fsum(cross))


def svd_fid(a, b):
    """The Fréchet distance in f64 through LAPACK's singular values, for sizes that 60 digits are too slow for."""
    a, b = a.astype(float), b.astype(float)
    x = (a - a.mean(0)) / np.sqrt(len(a) - 1)
    y = (b - b.mean(0)) / np.sqrt(len(b) - 1)
    cross = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * cross


def kid(a, b, subsets, size, seed, dtype, **kernel):
    a, b = torch.from_numpy(a).to(dtype), torch.from_numpy(b).to(dtype)
    torch.manual_seed(seed)
    values = []
    for _ in range(subsets):
        first = torch.randperm(len(a))[:size]
        second = torch.randperm(len(b))[:size]
        values.append(poly_mmd(a[first], b[second], **kernel))
    values = torch.stack(values)
    return [values.mean().item(), values.std(unbiased=False).item()]


def inception_score(x, splits, seed):
    x = torch.from_numpy(x).double()
    torch.manual_seed(seed)
    x = x[torch.randperm(len(x))]
    scores = []
    for prob, log_prob in zip(x.softmax(1).chunk(splits), x.log_softmax(1).chunk(splits)):
        mean = prob.mean(0, keepdim=True)
        scores.append((prob * (log_prob - mean.log())).sum(1).mean().exp())
    scores = torch.stack(scores)
    return [scores.mean().item(), scores.std().item() if len(scores) > 1 else 0.0]


def classification():
    probabilities = np.round(uniforms(50, 60 * 5).reshape(60, 5), 2).astype(np.float32)
    labels = (uniforms(51, 60 * 5).reshape(60, 5) < 0.4).astype(int)
    labels[:, 3] = 0
    probabilities[:, 4] *= np.float32(0.25)
    predictions = (probabilities >= 0.5).astype(int)
    result = {"accuracy": (predictions == labels).mean(), "subset": sk.accuracy_score(labels, predictions)}
    for average in ("micro", "macro"):
        p, r, f, _ = sk.precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
        result[average] = [p, r, f]
    auc = [sk.roc_auc_score(labels[:, c], probabilities[:, c]) if 0 < labels[:, c].sum() < 60 else None
           for c in range(5)]
    result["auc"] = auc
    result["auc_macro"] = np.mean([v for v in auc if v is not None])
    fpr, tpr, thresholds = sk.roc_curve(labels[:, 0], probabilities[:, 0].astype(float))
    result["roc"] = [fpr.tolist(), tpr.tolist(), thresholds[1:].tolist()]
    digits = np.floor(uniforms(52, 80) * 5).astype(int) - 1
    guesses = np.floor(uniforms(53, 80) * 4).astype(int)
    result["confusion"] = sk.confusion_matrix(digits, guesses).tolist()
    result["confusion_labels"] = sorted(set(digits) | set(guesses))
    return result


def main():
    out = {"samples": features(3, 4, 5).ravel().tolist(), "cases": {}}
    for name in CASES:
        a, b = case(name)
        entry = {"torchmetrics_fid": torchmetrics_fid(a, b), "exact_fid": exact_fid(a, b)}
        n = min(len(a), len(b))
        entry["kid"] = kid(a, b, 1, n, 0, torch.float64) if len(a) == len(b) else None
        if n > 10:
            entry["prdc"] = {str(k): prdc.compute_prdc(a, b, k) for k in (1, 3, 5)}
        out["cases"][name] = entry
    out["large"] = {
        f"{n} {m} {d}": [svd_fid(features(70, n, d), features(71, m, d)),
                         torchmetrics_fid(features(70, n, d), features(71, m, d))]
        for n, m, d in [(300, 280, 400), (500, 500, 300), (700, 200, 750), (193, 900, 257)]
    }
    a, b = features(20, 90, 32), features(21, 70, 32)
    out["kid"] = {
        "default": kid(a, b, 100, 50, 42, torch.float64),
        "f32": kid(a, b, 100, 50, 42, torch.float32),
        "whole": kid(a, b, 30, 70, 7, torch.float64),
        "degree 2": kid(a, b, 20, 10, 1, torch.float64, degree=2, gamma=0.5, coef=2.0),
        "few small subsets": kid(features(22, 400, 8), features(23, 300, 8), 3, 20, 5, torch.float64),
    }
    logits = features(30, 95, 12) * np.float32(4)
    out["inception_score"] = {str(s): inception_score(logits, s, 42) for s in (1, 2, 10, 40)}
    # Nearly the real set: comparisons at the edge of balls.
    a = features(40, 300, 6)
    b = a[::2] + np.float32(0.01) * features(41, 150, 6)
    out["prdc_near"] = prdc.compute_prdc(a, b.astype(np.float32), 5)
    a, b = features(42, 1500, 10), features(43, 1300, 10)
    out["prdc_tiles"] = prdc.compute_prdc(a, b, 5)
    out["classification"] = classification()
    (places.folder("metrics") / "reference.json").write_text(json.dumps(out, indent=1, default=float, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
