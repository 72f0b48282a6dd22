"""Expected radiomic features of drawn images: pyradiomics 3.0.1 with the reference's settings.

Run in an environment with pyradiomics and SimpleITK; writes fixtures/radiomics/features.json. Images come by formula, so
that none needs to be stored; Tests/RadiomicsTests draws the same.
"""

import json

import numpy as np
import radiomics
import SimpleITK as sitk
from radiomics import featureextractor

import places

radiomics.setVerbosity(60)
GLCM = (
    "Autocorrelation JointAverage ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
    "DifferenceEntropy DifferenceVariance JointEnergy JointEntropy Imc1 Imc2 Idm Idmn Id Idn InverseVariance "
    "MaximumProbability SumEntropy SumSquares").split()


def picture(width, height):
    """Blobs, stripes and a little noise, in whole numbers only."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    noise = ((x * 7919 + y * 104729 + x * y * 31) % 1009) % 23
    blob = 120 * 400 // (400 + (x - width // 3) ** 2 + (y - height // 2) ** 2)
    return (40 + blob + (x * x // 37 + 3 * y) % 60 + noise).astype(np.uint8)


def extractor(**changes):
    setting = dict(normalize=True, normalizeScale=100, binWidth=5, interpolator="sitkBSpline",
                   resampledPixelSpacing=[2, 2, 0], padDistance=10, preCrop=True, force2D=True, voxelArrayShift=300,
                   label=1)
    wavelet = {"wavelet": changes.pop("wavelet")} if "wavelet" in changes else {}
    setting.update(changes)
    return featureextractor.RadiomicsFeatureExtractor(dict(
        setting=setting, imageType=dict(Original={}, LoG={"sigma": [2.0, 3.0]}, Wavelet=wavelet),
        featureClass=dict(firstorder=None, glcm=GLCM, glrlm=None, glszm=None, ngtdm=None)))


def features(array, extract):
    mask = np.ones((1,) + array.shape, np.uint8)
    mask[0, 0, 0] = 0
    found = extract.execute(sitk.GetImageFromArray(array[None]), sitk.GetImageFromArray(mask))
    return {name: float(value) for name, value in found.items() if not isinstance(value, (str, tuple, dict, list))}


cases = {}
for name, size, changes in [
    ("even", (96, 64), {}), ("odd", (61, 77), {}), ("bins", (70, 50), dict(binWidth=12.5, wavelet="db2")),
    ("native", (48, 40), dict(resampledPixelSpacing=None)), ("uneven", (75, 90), dict(resampledPixelSpacing=[3, 1.5, 0])),
]:
    found = features(picture(*size), extractor(**changes))
    cases[name] = {"width": size[0], "height": size[1], "names": list(found), "values": list(found.values())}
with open(places.folder("radiomics") / "features.json", "w") as file:
    json.dump(cases, file)
