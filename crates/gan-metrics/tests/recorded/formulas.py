"""Weights and pictures that a formula fills, as tests/support/mod.rs fills them: hashes of whole numbers."""

import math

import numpy as np
import torch


def mixed(x):
    with np.errstate(over="ignore"):
        z = x + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def numbers(first, count):
    return mixed(np.uint64(first) + np.arange(count, dtype=np.uint64))


def uniform(tensor, shape):
    """Numbers in [-1, 1) for the elements of the tensor of that number, f64."""
    return (numbers(tensor << 40, math.prod(shape)) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0


def picture(index, shape):
    """A slope with noise of up to 63 levels."""
    channels, height, width = shape
    c, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    noise = (numbers((index + 1) << 32, channels * height * width) % np.uint64(64)).astype(np.int64).reshape(shape)
    return torch.from_numpy(((3 * x + 2 * y * (c + 1) + noise) % 256).astype(np.uint8))[None]
