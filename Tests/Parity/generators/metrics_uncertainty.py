"""Expected intervals, limits and floors of docs/uncertainty.md, by NumPy, SciPy, prdc and torch.

Writes fixtures/metrics/uncertainty.json. The features come from metrics_reference.py's formula; the statistics are computed by
the libraries, and all around them is written anew from the page.
"""
import contextlib
import io
import json
import math

import numpy as np
import prdc
import scipy.linalg
import scipy.stats
import torch

import places
from metrics_reference import features, inception_score, kid

SEED, LEVEL, K, SPLITS = 42, 0.95, 3, 4


def frechet(a, b):
    a, b = a.astype(float), b.astype(float)
    root = scipy.linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    covariances = np.trace(np.cov(a, rowvar=False)) + np.trace(np.cov(b, rowvar=False))
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + covariances - 2 * np.real(np.trace(root))


def kernel(a, b):
    def k(x, y):
        return (x.astype(float) @ y.astype(float).T / x.shape[1] + 1) ** 3

    def within(x):
        return (k(x, x).sum() - np.trace(k(x, x))) / (len(x) * (len(x) - 1))

    return within(a) + within(b) - 2 * k(a, b).mean()


def neighbours(name):
    def of(a, b):
        with contextlib.redirect_stdout(io.StringIO()):  # prdc prints the sizes of the sets.
            return prdc.compute_prdc(a, b, K)[name]

    return of


def score(a, b):
    return inception_score(b, SPLITS, SEED)[0]


STATISTICS = {
    # Its function, whether it compares, its kind of bias, its range.
    "fid": (frechet, True, "distance", (0, math.inf)),
    "kid": (kernel, True, "none", (-math.inf, math.inf)),
    "inception-score": (score, False, "inverse", (1, math.inf)),
    "precision": (neighbours("precision"), True, "slow", (0, 1)),
    "recall": (neighbours("recall"), True, "slow", (0, 1)),
    "density": (neighbours("density"), True, "slow", (0, math.inf)),
    "coverage": (neighbours("coverage"), True, "slow", (0, 1)),
}


def groups_of(keys):
    members = {}
    for row, key in enumerate(keys):
        members.setdefault(key, []).append(row)
    return list(members.values())


def halves(groups, random):
    shuffled = [groups[i] for i in random.permutation(len(groups))]
    shuffled.sort(key=len)  # Python's sort is stable.
    sides = [[], []]
    for start in range(0, len(shuffled), 2):
        swapped = random.randint(2)
        for place, group in enumerate(shuffled[start : start + 2]):
            sides[place ^ swapped] += group
    return [sorted(side) for side in sides]


def intervals(a, b, groups, replicates):
    """Interval and limit of every statistic."""
    random = np.random.RandomState(SEED)
    samples = []
    for _ in range(replicates // 2):
        real, synthetic = halves(groups, random), halves([[row] for row in range(len(b))], random)
        samples += list(zip(real, synthetic))
    result = {}
    for name, (function, compares, bias, (low, high)) in STATISTICS.items():
        value = function(a, b)
        values = np.array([function(a[real], b[synthetic]) for real, synthetic in samples])
        count = min(len(groups), len(b)) if compares else len(b)
        t = scipy.stats.t.ppf((1 + LEVEL) / 2, min(replicates // 2, count - 1))
        variance = values.var(ddof=1)
        if name == "kid":  # The printed value is a mean over subsets of the smaller set's size.
            value, spread = kid(a, b, 100, min(len(a), len(b)), SEED, torch.float64)
            variance += spread**2 / 100
        error = math.sqrt(variance)
        found = {"value": value, "low": max(low, value - t * error), "high": min(high, value + t * error)}
        if bias in ("distance", "inverse"):
            ratios = [(len(b) / len(s), len(a) / len(r)) for r, s in samples]
            scale = np.mean([(x + y) / 2 if compares else x for x, y in ratios])
            limit = value - (values.mean() - value) / (scale - 1)
            pairs = values.reshape(-1, 2).mean(1)
            error = math.sqrt(error**2 + pairs.var(ddof=1) / (scale - 1) ** 2 / len(pairs))
            ends = {"value": limit, "low": limit - t * error, "high": limit + t * error}
            found["limit"] = {key: min(max(end, low), high) for key, end in ends.items()}
        result[name] = found
    return result


def parts(groups, first, second, random):
    sides = [[], []]
    for group in (groups[i] for i in random.permutation(len(groups))):
        if len(sides[0]) < first:
            sides[0] += group
        elif len(sides[1]) < second:
            sides[1] += group
        else:
            break
    return sides[0][:first], sides[1][:second]


def known_floors(n, m):
    """Floors of unrelated rows that follow from symmetry."""
    nearer = math.comb(n - 1, K) / math.comb(n + m - 1, K)  # The first K of all other points are real ones.
    return {"kid": 0, "density": 1, "coverage": 1 - nearer}


def floors(a, groups, synthetic, splits):
    """Floor of every statistic and, where it has a limit, the limit's."""
    result = {}
    n, m = len(a), synthetic
    known = known_floors(n, m) if len(groups) == n else {}
    for name, (function, compares, bias, (low, high)) in STATISTICS.items():
        if name in known:
            result[name] = {"floor": known[name]}
            continue
        scale = (n + m) / n if compares else max(1, m / n)
        sides = (int(n / scale) if compares else 0, min(n, int(m / scale)))
        random = np.random.RandomState(SEED)
        points = {1: [], 2: []}
        for _ in range(splits):
            x, y = parts(groups, *sides, random)
            p, q = len(x) // 2, len(y) // 2
            for level, real, made in ((1, x, y), (2, x[:p], y[:q]), (2, x[p:], y[q:])):
                ratio = m / len(made)
                points[level].append(((ratio + n / len(real)) / 2 if compares else ratio,
                                      function(a[sorted(real)], a[sorted(made)])))
        (s1, f1), (s2, f2) = (np.mean(points[level], axis=0) for level in (1, 2))

        def at(s):
            if bias == "none" or s == s1:
                return f1
            if bias == "distance":  # F(s) = s / (a + b s) through both points, not bent upwards and not falling.
                b = min(max(0, (s2 / f2 - s1 / f1) / (s2 - s1)), 1 / f1)
                return s / (s1 / f1 - b * s1 + b * s)
            if bias == "inverse":
                return f1 + (f1 - f2) * (s1 - s) / (s2 - s1)
            return f1 + (f1 - f2) * math.log(s1 / s) / math.log(s2 / s1)

        result[name] = {"floor": min(max(at(1), low), high)}
        if bias in ("distance", "inverse"):
            result[name]["limit"] = min(max(2 * at(1) - at(2), low), high)
    return result


def main():
    a, b = features(80, 60, 7), features(81, 48, 7)
    single = [[row] for row in range(60)]
    patients = groups_of([row * row % 23 for row in range(60)])
    out = {
        "single": intervals(a, b, single, 20),
        "patients": intervals(a, b, patients, 20),
        "floor": floors(a, single, 48, 3),
        "floor of patients": floors(a, patients, 48, 3),
        "floor of many": floors(a, single, 150, 3),
        "quantiles": [[p, d, scipy.stats.t.ppf(p, d)] for p in (0.6, 0.9, 0.975, 0.9995) for d in (1, 2, 5, 49, 400)],
    }
    (places.folder("metrics") / "uncertainty.json").write_text(json.dumps(out, indent=1, default=float, allow_nan=False) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
