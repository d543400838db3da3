#!/usr/bin/env python3
"""Records scikit-image's similarity and ratio of pictures by a formula into ssim.json, which tests/paired.rs compares with ours.

    pip install scikit-image==0.26.0 && python3 ssim.py

Both take whole windows only, so nothing is left to borders: scikit-image cuts them off before its mean.
"""

import json
from pathlib import Path

import numpy as np
import skimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

MASK = (1 << 64) - 1
CASES = [(3, 32, 32), (1, 28, 28), (3, 11, 17), (3, 64, 48)]


def mixed(x):
    """The finaliser of SplitMix64 over its odd constant, as `random::split_mix`."""
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def pair(case, channels, height, width):
    """A slope with a wave of whole numbers, and the same with noise of up to 39 levels."""
    target = np.zeros((channels, height, width), dtype=np.uint8)
    generated = np.zeros_like(target)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                level = (5 * x + 3 * y * (c + 1) + (x * y) % 41) % 256
                noise = mixed((case << 32) + (c * height + y) * width + x) % 40
                target[c, y, x] = level
                generated[c, y, x] = min(level + noise, 255)
    return generated, target


def main():
    recorded = {"skimage": skimage.__version__, "cases": []}
    for case, shape in enumerate(CASES):
        generated, target = pair(case, *shape)
        similarity = structural_similarity(
            generated, target, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=0
        )
        ratio = peak_signal_noise_ratio(target, generated, data_range=255)
        recorded["cases"].append({"shape": shape, "ssim": float(similarity), "psnr": float(ratio)})
    (Path(__file__).parent / "ssim.json").write_text(json.dumps(recorded) + "\n")


main()
