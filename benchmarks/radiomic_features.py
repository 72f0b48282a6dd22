#!/usr/bin/env python3
"""Radiomic features against pyradiomics, interleaved, medians: images a second, ratio, and whether the values agree.

    swift build -c release --product radiomics-bench && benchmarks/radiomic_features.py [rounds] [FILE...]

Without files, twelve films of 512 x 512 are drawn. The peer, pyradiomics 3.0.1, runs in the Python that
CHEXGEN_RADIOMICS names, by default ~/.cache/chexgen-reference-radiomics/bin/python, in two processes; we use two threads.
"""
import os
import pathlib
import sys

REFERENCE = os.environ.get("CHEXGEN_RADIOMICS", os.path.expanduser("~/.cache/chexgen-reference-radiomics/bin/python"))
if os.path.realpath(sys.prefix) != os.path.realpath(pathlib.Path(REFERENCE).parent.parent):
    os.execv(REFERENCE, [REFERENCE, *sys.argv])

import multiprocessing
import statistics
import subprocess
import tempfile
import time

import numpy as np
import radiomics
import SimpleITK as sitk
from PIL import Image
from radiomics import featureextractor

radiomics.setVerbosity(60)
THREADS = int(os.environ.get("CHEXGEN_THREADS", "2"))
BINARY = pathlib.Path(__file__).parent.parent / ".build" / "release" / "radiomics-bench"
GLCM = ("Autocorrelation JointAverage ClusterProminence ClusterShade ClusterTendency Contrast Correlation "
        "DifferenceAverage DifferenceEntropy DifferenceVariance JointEnergy JointEntropy Imc1 Imc2 Idm Idmn Id Idn "
        "InverseVariance MaximumProbability SumEntropy SumSquares").split()


def film(seed, side=512):
    """Two dark fields on a bright ground with soft shadows and grain: the grey levels of a chest film."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    grey = 170 + 30 * np.sin(3 * y)
    for centre in (0.3, 0.7):
        grey -= 110 * np.exp(-(((x - centre) / 0.14) ** 4 + ((y - 0.5) / 0.3) ** 4))
    for _ in range(24):
        cx, cy, width, height = *random.random(2), *(0.02 + 0.1 * random.random(2))
        grey += random.normal(0, 12) * np.exp(-(((x - cx) / width) ** 2 + ((y - cy) / height) ** 2))
    return np.clip(grey + random.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)


def start():
    global extract
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    extract = featureextractor.RadiomicsFeatureExtractor(dict(
        setting=dict(normalize=True, normalizeScale=100, binWidth=5, interpolator="sitkBSpline",
                     resampledPixelSpacing=[2, 2, 0], padDistance=10, preCrop=True, force2D=True, voxelArrayShift=300,
                     label=1),
        imageType=dict(Original={}, LoG={"sigma": [2.0, 3.0]}, Wavelet={}),
        featureClass=dict(firstorder=None, glcm=GLCM, glrlm=None, glszm=None, ngtdm=None)))


def peer(path):
    array = np.asarray(Image.open(path).convert("L"))
    mask = np.ones((1,) + array.shape, np.uint8)
    mask[0, 0, 0] = 0
    found = extract.execute(sitk.GetImageFromArray(array[None]), sitk.GetImageFromArray(mask))
    return [float(value) for value in found.values() if not isinstance(value, (str, tuple, dict, list))]


def ours(paths):
    environment = dict(os.environ, CHEXGEN_THREADS=str(THREADS))
    lines = subprocess.run([BINARY, *paths], env=environment, check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return float(lines[0]), [[float(value) for value in line.split("\t")[1:]] for line in lines[1:]]


def main():
    rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 3)
    paths = [word for word in sys.argv[1:] if not word.isdigit()]
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(THREADS, start) as pool:
        if not paths:
            for seed in range(12):
                paths.append(f"{folder}/{seed}.png")
                Image.fromarray(film(seed)).save(paths[-1])
        mine, theirs = [], []
        pool.map(peer, paths[:THREADS], chunksize=1)
        for _ in range(rounds):
            seconds, values = ours(paths)
            mine.append(len(paths) / seconds)
            begin = time.perf_counter()
            expected = pool.map(peer, paths, chunksize=1)
            theirs.append(len(paths) / (time.perf_counter() - begin))
        a, b = np.array(values), np.array(expected)
        # Means of wavelet images are rounding noise around 0.
        error = np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-6))
        mine, theirs = statistics.median(mine), statistics.median(theirs)
        print(f"{'films':>6}{'numbers':>9}{'chexgen/s':>11}{'pyradiomics/s':>15}{'ratio':>8}  values agree to")
        print(f"{len(paths):>6}{a.size:>9}{mine:>11.2f}{theirs:>15.2f}{mine / theirs:>7.1f}x  {error:.1e}")


if __name__ == "__main__":
    main()
