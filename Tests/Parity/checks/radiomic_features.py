"""Compares radiomic features and both distances with pyradiomics on images of one's own.

    swift build -c release --product chexgen && python radiomic_features.py REAL_FOLDER SYNTHETIC_FOLDER

Run in an environment with pyradiomics 3.0.1, SimpleITK, scipy and Pillow. The distances are the reference's steps, written
out with NumPy and scipy's matrix square root. Exits with 1 where a feature differs by more than 1e-4 of itself (of 1e-6
where it is smaller) or a distance by more than 0.05.
"""

import csv
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import radiomics
import SimpleITK as sitk
from PIL import Image
from radiomics import featureextractor
from scipy.linalg import sqrtm

radiomics.setVerbosity(60)
here = os.path.dirname(os.path.abspath(__file__))
program = os.environ.get("CHEXGEN", os.path.join(here, "../../../.build/release/chexgen"))
GLCM = (
    "Autocorrelation JointAverage ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
    "DifferenceEntropy DifferenceVariance JointEnergy JointEntropy Imc1 Imc2 Idm Idmn Id Idn InverseVariance "
    "MaximumProbability SumEntropy SumSquares").split()
PARAMETERS = dict(
    setting=dict(normalize=True, normalizeScale=100, binWidth=5, interpolator="sitkBSpline", resampledPixelSpacing=[2, 2, 0],
                 padDistance=10, preCrop=True, force2D=True, voxelArrayShift=300, label=1),
    imageType=dict(Original={}, LoG={"sigma": [2.0, 3.0]}, Wavelet={"wavelet": "coif1"}),
    featureClass=dict(firstorder=[], glcm=GLCM, glrlm=None, glszm=None, ngtdm=None))

SCRIPT = """
local metric = require "chexgen.metric"
local folder = arg[1]
local tables = {}
for _, side in ipairs { "real", "synthetic" } do
  local paths = {}
  for path in io.lines(folder .. "/" .. side .. ".txt") do paths[#paths + 1] = path end
  tables[side] = metric.radiomics_table(paths)
  tables[side]:save(folder .. "/" .. side .. ".csv")
end
for _, protocol in ipairs { "chexgenbench", "exact" } do
  print("distance", metric.frd(tables.real, tables.synthetic, { protocol = protocol, chunks = true }))
end
"""


def features(path):
    pixels = np.asarray(Image.open(path).convert("L"))[None]
    mask = np.ones(pixels.shape, np.uint8)
    mask[0, 0, 0] = 0
    found = featureextractor.RadiomicsFeatureExtractor(PARAMETERS).execute(
        sitk.GetImageFromArray(pixels), sitk.GetImageFromArray(mask))
    return {name: float(value) for name, value in found.items() if not isinstance(value, (str, tuple, dict, list))}


def squared_distance(real, synthetic):
    difference = real.mean(0) - synthetic.mean(0)
    first, second = np.cov(real, rowvar=False), np.cov(synthetic, rowvar=False)
    root = sqrtm(first @ second)
    if not np.isfinite(root).all():
        ridge = np.eye(len(first)) * 1e-6
        root = sqrtm((first + ridge) @ (second + ridge))
    return difference @ difference + np.trace(first) + np.trace(second) - 2 * np.trace(root.real)


def scored(real, synthetic):
    with np.errstate(all="ignore"):
        mean, deviation = real.mean(0), real.std(0)
        real, synthetic = (real - mean) / deviation, (synthetic - mean) / deviation
    kept = np.isfinite(real).all(0) & np.isfinite(synthetic).all(0)
    return real[:, kept], synthetic[:, kept]


def reference_distance(real, synthetic):
    """chexgenbench: 16 chunks, all numeric columns, f32, sizes matched by NumPy's generator, ln d²."""
    sides = []
    for rows in (real, synthetic):
        rows = rows[:len(rows) // 16 * 16]
        sides.append(rows[~np.isnan(rows).any(1)].astype(np.float32))
    np.random.seed(42)
    size = min(map(len, sides))
    sides = [rows if len(rows) == size else rows[np.random.choice(len(rows), size, replace=False)] for rows in sides]
    return np.log(squared_distance(*scored(*sides)))


def main():
    tables, worst = {}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for side, source in zip(("real", "synthetic"), sys.argv[1:3]):
            paths = sorted(os.path.join(source, name) for name in os.listdir(source)
                           if name.lower().endswith((".png", ".jpg", ".jpeg")))
            with open(f"{folder}/{side}.txt", "w") as file:
                file.writelines(os.path.abspath(path) + "\n" for path in paths)
            with ProcessPoolExecutor(2) as pool:
                tables[side] = list(pool.map(features, paths))
        with open(f"{folder}/measure.lua", "w") as file:
            file.write(SCRIPT)
        output = subprocess.run([program, "run", f"{folder}/measure.lua", "--allow-write", folder, folder], check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        ours = [float(line.split()[1]) for line in output.splitlines() if line.startswith("distance")]
        for side, rows in tables.items():
            names = list(rows[0])
            with open(f"{folder}/{side}.csv") as file:
                for got, wanted in zip(csv.DictReader(file), rows, strict=True):
                    columns = [name for name in got if name in wanted]
                    if columns != names:
                        sys.exit(f"{side}: the columns or their order differ")
                    for name in names:
                        error = abs(float(got[name]) - wanted[name]) / max(abs(wanted[name]), 1e-6)
                        worst = max(worst, error)
                        if error > 1e-4:
                            print(f"{side} {name}: {got[name]}, pyradiomics has {wanted[name]}")
    real, synthetic = [np.array([list(row.values()) for row in tables[side]]) for side in ("real", "synthetic")]
    exact = [index for index, name in enumerate(tables["real"][0]) if not name.startswith("diagnostics_")]
    theirs = [reference_distance(real, synthetic),
              0.5 * np.log(squared_distance(*scored(real[:, exact], synthetic[:, exact])))]
    print(f"{len(real)} real and {len(synthetic)} synthetic images, {len(tables['real'][0])} columns; "
          f"features differ by at most {worst:.1e}")
    for name, mine, other in zip(("chexgenbench", "exact"), ours, theirs):
        print(f"FRD, {name}: {mine:.5f}, reference {other:.5f}, difference {abs(mine - other):.1e}")
    if worst > 1e-4 or any(not abs(a - b) <= 0.05 for a, b in zip(ours, theirs)):
        sys.exit(1)


if __name__ == "__main__":
    main()
