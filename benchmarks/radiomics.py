#!/usr/bin/env python3
"""Radiomic features against pyradiomics, interleaved, medians: seconds for a set of images, ratio, and whether values agree.

    swift build -c release --package-path benchmarks && benchmarks/radiomics.py [rounds] [--films FOLDER]

pyradiomics runs in the Python that CHEXGEN_RADIOMICS names, by default ~/.cache/chexgen-radiomics/bin/python. Both sides use
CHEXGEN_THREADS threads (ours) or processes (pyradiomics), by default 2; starting them is not counted. The images are drawn,
smooth with noise as films are; --films takes real ones instead, each shrunk to the same sizes.
"""
import os
import pathlib
import sys

REFERENCE = os.environ.get("CHEXGEN_RADIOMICS", os.path.expanduser("~/.cache/chexgen-radiomics/bin/python"))
if os.path.realpath(sys.prefix) != os.path.realpath(pathlib.Path(REFERENCE).parent.parent):
    os.execv(REFERENCE, [REFERENCE, *sys.argv])

THREADS = int(os.environ.get("CHEXGEN_THREADS", "2"))
# One core a process: the libraries below must not start threads of their own.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ[name] = "1"

from sides import BENCH, Side

# This file has the name of the package that it measures.
sys.path.pop(0)

import multiprocessing
import statistics
import tempfile
import time

import numpy as np
import radiomics
import SimpleITK as sitk
from PIL import Image
from radiomics import featureextractor

radiomics.setVerbosity(60)
SIZES = [(256, 16), (512, 8), (1024, 4)]
GLCM = (
    "Autocorrelation JointAverage ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
    "DifferenceEntropy DifferenceVariance JointEnergy JointEntropy Imc1 Imc2 Idm Idmn Id Idn InverseVariance "
    "MaximumProbability SumEntropy SumSquares").split()
PARAMETERS = {
    "setting": dict(normalize=True, normalizeScale=100, binWidth=5, interpolator="sitkBSpline", padDistance=10, preCrop=True,
                    resampledPixelSpacing=[2, 2, 0], force2D=True, voxelArrayShift=300, label=1),
    "imageType": {"Original": {}, "Wavelet": {"wavelet": "coif1"}},
    "featureClass": {"firstorder": None, "glcm": GLCM, "glrlm": None, "glszm": None, "ngtdm": None},
}


def drawn(size, random):
    """A picture with the spectrum of a film: smooth at every scale, and grain."""
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.zeros((size, size))
    for _ in range(40):
        frequency = random.uniform(1, 24)
        angle = random.uniform(0, 2 * np.pi)
        wave = frequency * (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi
        picture += np.sin(wave + random.uniform(0, 6.3)) / frequency
    picture = 128 + 55 * picture / picture.std() + random.normal(0, 3, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def images(folder, size, count, films):
    random = np.random.default_rng(size)
    paths = []
    for index in range(count):
        path = f"{folder}/{size}-{index}.png"
        if films:
            film = Image.open(films[random.integers(len(films))]).convert("L")
            film.resize((size, size), Image.LANCZOS).save(path)
        else:
            Image.fromarray(drawn(size, random)).save(path)
        paths.append(path)
    return paths


def prepare():
    global extractor
    sitk.ProcessObject_SetGlobalDefaultNumberOfThreads(1)
    extractor = featureextractor.RadiomicsFeatureExtractor(PARAMETERS)


def measure(path):
    pixels = np.asarray(Image.open(path).convert("L"))[None]
    mask = np.ones(pixels.shape, np.uint8)
    mask[0, 0, 0] = 0
    found = extractor.execute(sitk.GetImageFromArray(pixels), sitk.GetImageFromArray(mask))
    return [float(value) for name, value in found.items() if not isinstance(value, (str, tuple, dict, list))]


def main():
    rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 5)
    films = []
    if "--films" in sys.argv:
        folder = pathlib.Path(sys.argv[sys.argv.index("--films") + 1])
        films = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    print(f"{'images':<14}{'chexgen s':>10}{'pyradiomics s':>15}{'ratio':>8}  values agree to")
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(THREADS, prepare) as pool:
        for size, count in SIZES:
            paths = images(folder, size, count, films)
            pool.map(measure, paths[:THREADS], 1)  # loads what the first call loads
            side = Side([BENCH, "radiomics", *paths], THREADS)
            side.ask()
            mine, theirs, error = [], [], 0.0
            for _ in range(rounds):
                seconds, *values = side.ask()
                mine.append(seconds)
                start = time.perf_counter()
                expected = pool.map(measure, paths, 1)
                theirs.append(time.perf_counter() - start)
                a, b = np.array(values), np.array(expected).reshape(-1)
                error = max(error, float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-3))))
            side.end()
            a, b = statistics.median(mine), statistics.median(theirs)
            ratio = statistics.median([theirs[i] / mine[i] for i in range(rounds)])
            print(f"{count:>3} x {size:<4}px  {a:>10.3f}{b:>15.3f}{ratio:>7.1f}x  {error:.1e}", flush=True)


if __name__ == "__main__":
    main()
