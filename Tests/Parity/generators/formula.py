"""Values by formula, the same here and in the Swift tests, so that no large random weights need to be stored."""

import numpy as np


def uniform(name, shape, low=-1.0, high=1.0):
    """Float32 values in [low, high): splitmix64 of the FNV-1a hash of the name plus the index, upper 24 bits."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
    return (np.float32(low) + np.float32(high - low) * unit).reshape(shape)


def weight(name, shape, salt=""):
    """A plausible value for a parameter of any of our networks, by its name and shape."""
    key = salt + name
    if name.endswith("running_var"):
        return uniform(key, shape, 0.5, 1.5)
    if name.endswith("lambda1"):
        return uniform(key, shape, 0.1, 0.9)
    if len(shape) == 1:
        is_scale = name.endswith("weight")
        return uniform(key, shape, 0.8, 1.2) if is_scale else uniform(key, shape, -0.1, 0.1)
    if "embeddings.cls_token" in name or "embeddings.position" in name or "mask_token" in name:
        return uniform(key, shape, -0.5, 0.5)
    fan_in = int(np.prod(shape[1:]))
    # ReLU halves the second moment that a convolution must restore; linear layers keep it.
    bound = np.float32(np.sqrt(np.float32((6.0 if len(shape) == 4 and shape[1] != 3 else 3.0) / fan_in)))
    return uniform(key, shape, -bound, bound)
