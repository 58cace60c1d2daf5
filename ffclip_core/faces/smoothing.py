"""Smoothing what was measured frame by frame, without lag: a Gaussian about each frame."""

from __future__ import annotations

import math

import numpy as np


def smoothed(values: np.ndarray, deviation: float) -> np.ndarray:
    """values [n, ...], one per frame and without a gap, averaged over time by a centred Gaussian of so many frames'
    standard deviation; 0 leaves them as they are.

    Beyond both ends the values go on mirrored about the first and the last of them (2·end - value), so that what moves
    steadily is neither held back there nor anywhere else.
    """
    reach = min(math.ceil(3.5 * deviation), len(values) - 1)
    if reach < 1:
        return values
    before = 2 * values[0] - values[reach:0:-1]
    after = 2 * values[-1] - values[-2 : -2 - reach : -1]
    extended = np.concatenate([before, values, after])
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights /= weights.sum()
    result = np.zeros_like(values)
    for i, weight in enumerate(weights):
        result += weight * extended[i : i + len(values)]
    return result
