#!/usr/bin/env python3
"""Metrics against their Python peers, interleaved, medians: seconds, ratio, and whether the values agree.

    swift build -c release --package-path benchmarks && benchmarks/metrics.py [rounds] [--large] [--nearest]

--large adds PRDC of 50,000 rows of 768 features, which takes minutes and has no peer that fits. --nearest measures the five nearest
of 100,000 rows of 768 features to each of 2,000 beside scikit-learn's brute force, and nothing else.

The peers (torchmetrics, prdc) run in the Python that CHEXGEN_REFERENCE names, by default
~/.cache/chexgen-reference/bin/python. Both sides use CHEXGEN_THREADS threads, by default 2.
"""
import os
import pathlib
import statistics
import sys
import tempfile
import time

REFERENCE = os.environ.get("CHEXGEN_REFERENCE", os.path.expanduser("~/.cache/chexgen-reference/bin/python"))
if os.path.realpath(sys.prefix) != os.path.realpath(pathlib.Path(REFERENCE).parent.parent):
    os.execv(REFERENCE, [REFERENCE, *sys.argv])

import contextlib
import io
import warnings

import numpy as np
import prdc
import torch
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from sides import BENCH, Side

warnings.filterwarnings("ignore")
THREADS = os.environ.get("CHEXGEN_THREADS", "2")
torch.set_num_threads(int(THREADS))


def features(rows, columns, seed, shift):
    """Non-negative, correlated, with a falling spectrum, as pooled features are."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(1).standard_normal((columns, columns)) * (np.arange(columns) + 1.0) ** -0.7
    return np.maximum(random.standard_normal((rows, columns)) @ mixing * 0.3 + 0.3 + shift, 0).astype(np.float32)


def peer_fid(real, synthetic):
    moments = []
    for rows in (real, synthetic):
        rows = torch.from_numpy(rows).double()
        mean = rows.sum(0) / len(rows)
        moments += [mean, (rows.t() @ rows - len(rows) * mean[:, None] @ mean[None]) / (len(rows) - 1)]
    return [_compute_fid(*moments).item()]


def peer_kid(real, synthetic):
    real, synthetic = torch.from_numpy(real), torch.from_numpy(synthetic)
    torch.manual_seed(42)
    values = []
    for _ in range(100):
        first, second = torch.randperm(len(real))[:1000], torch.randperm(len(synthetic))[:1000]
        values.append(poly_mmd(real[first], synthetic[second]))
    values = torch.stack(values)
    return [values.mean().item(), values.std(unbiased=False).item()]


def peer_prdc(real, synthetic):
    with contextlib.redirect_stdout(io.StringIO()):
        result = prdc.compute_prdc(real, synthetic, 5)
    return [float(result[name]) for name in ("precision", "recall", "density", "coverage")]


def ours(work, files, rows, columns):
    """Our side of a work; its first answer pays for threads and for the first touch of memory, as the peer's does."""
    side = Side([BENCH, "metrics", work, *files, rows, columns], THREADS)
    if rows <= 5000:
        side.ask()
    return side


def nearest(rounds, folder):
    from sklearn.neighbors import NearestNeighbors

    database, queries = features(100_000, 768, 2, 0), features(2000, 768, 3, 0.05)
    files = [f"{folder}/database.f32", f"{folder}/queries.f32"]
    database.tofile(files[0])
    queries.tofile(files[1])
    peer = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(database)
    side = Side([BENCH, "metrics", "nearest", *files, 100_000, 768, 2000], THREADS)
    mine, theirs, error = [], [], 0.0
    for _ in range(rounds):
        seconds, *values = side.ask()
        mine.append(seconds)
        start = time.perf_counter()
        distances, _ = peer.kneighbors(queries)
        theirs.append(time.perf_counter() - start)
        # The sum of all distances, and of those to the nearest.
        wanted = [float(distances.sum()), float(distances[:, 0].sum())]
        error = max(abs(a - b) / b for a, b in zip(values, wanted))
    a, b = statistics.median(mine), statistics.median(theirs)
    print(f"{'nearest':<14}{a:>10.3f}{side.peak():>6}{b:>9.3f}{b / a:>7.1f}x  {error:.1e}", flush=True)
    side.end()


def main():
    rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 5)
    rows, columns = 2000, 2048
    real, synthetic = features(rows, columns, 2, 0), features(rows, columns, 3, 0.05)
    print(f"{'work':<14}{'chexgen s':>10}{'MiB':>6}{'peer s':>9}{'ratio':>8}  values agree to")
    with tempfile.TemporaryDirectory() as folder:
        if "--nearest" in sys.argv:
            return nearest(rounds, folder)
        files = [f"{folder}/real.f32", f"{folder}/synthetic.f32"]
        real.tofile(files[0])
        synthetic.tofile(files[1])
        works = [("fid", peer_fid), ("fid-moments", peer_fid), ("kid", peer_kid), ("prdc", peer_prdc)]
        for work, peer in works:
            mine, theirs, memory, error = [], [], 0, 0.0
            side = ours(work, files, rows, columns)
            for _ in range(rounds):
                seconds, *values = side.ask()
                mine.append(seconds)
                memory = side.peak()
                start = time.perf_counter()
                expected = peer(real, synthetic)
                theirs.append(time.perf_counter() - start)
                error = max(abs(a - b) / max(abs(b), 1e-12) for a, b in zip(values, expected))
            side.end()
            a, b = statistics.median(mine), statistics.median(theirs)
            print(f"{work:<14}{a:>10.3f}{memory:>6}{b:>9.3f}{b / a:>7.1f}x  {error:.1e}", flush=True)
        if "--large" in sys.argv:
            rows, columns = 50_000, 768
            for path, seed in zip(files, (2, 3)):
                features(rows, columns, seed, 0).tofile(path)
            side = ours("prdc", files, rows, columns)
            seconds, memory = side.ask()[0], side.peak()
            side.end()
            print(f"{'prdc 50000':<14}{seconds:>10.1f}{memory:>6}   (the peer would need {rows * rows * 12 >> 30} GiB)")


main()
