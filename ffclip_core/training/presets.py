"""The values that settings have where a file does not give others, by preset and stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .losses.weights import PUBLISHED as WEIGHTS

# Losses of other papers, and those that replace others, are used where they are asked for.
_UNUSED = {"modulator": ("directional", "latent_l2", "text_free")}


def _losses(stage: str) -> dict[str, float]:
    return {name: 0.0 if name in _UNUSED.get(stage, ()) else loss.value for name, loss in WEIGHTS[stage].items()}


_DRAWN: dict[str, Any] = {"schedule": "cosine", "warm_up": 100, "betas": (0.9, 0.99)}
"""Measured on drawn avatars (models/avatars/README.md)."""

PUBLISHED: Mapping[str, Any] = {
    "size": 256,
    # Of the small CLIP and of the auto-encoder nothing is published: measured on drawn avatars.
    "text": {"batch": 96, "learning_rate": 1.5e-3, "ema": 13_000, "clip": 5.0, **_DRAWN, "losses": _losses("text")},
    "autoencoder": {
        "batch": 16, "learning_rate": 2e-3, "ema": 5_500, "clip": 5.0, **_DRAWN, "losses": _losses("autoencoder"),
    },
    # StyleGAN2 (Karras et al. 2020), configuration F.
    "generator": {
        "batch": 32, "learning_rate": 2e-3, "betas": (0.0, 0.99), "ema": 10_000, "clip": None, "schedule": "constant",
        "warm_up": 0, "losses": _losses("generator"),
    },
    # e4e (Tov et al. 2021), there with the optimiser Ranger.
    "encoder": {
        "batch": 8, "learning_rate": 1e-4, "betas": (0.9, 0.999), "ema": 0, "clip": None, "schedule": "constant",
        "warm_up": 0, "losses": _losses("encoder"),
    },
    # FFCLIP, released settings (docs/training-losses.md); the betas are PyTorch's.
    "modulator": {
        "batch": 8, "learning_rate": 5e-4, "betas": (0.9, 0.999), "ema": 0, "clip": 5.0, "schedule": "halving",
        "warm_up": 0, "losses": _losses("modulator"),
    },
    # Of drawings: measured on drawn avatars.
    "drawn_generator": {
        "batch": 16, "learning_rate": 2e-2, "ema": 5_500, "clip": 5.0, **_DRAWN, "losses": _losses("drawn_generator"),
    },
    "drawn_encoder": {
        "batch": 32, "learning_rate": 2e-3, "ema": 11_000, "clip": 1.0, **_DRAWN, "losses": _losses("drawn_encoder"),
    },
    "drawn_modulator": {
        "batch": 128, "learning_rate": 3e-3, "ema": 44_000, "clip": 1.0, **_DRAWN, "losses": _losses("drawn_modulator"),
    },
}  # fmt: skip

QUICK: Mapping[str, Any] = {
    "size": 64,
    "generator": {"batch": 16},
    "encoder": {"batch": 32, "learning_rate": 2e-3, "ema": 11_000, "clip": 1.0, **_DRAWN},
    # With the published weight of latent_l1 the code stays where it is for minutes (docs/training-losses.md).
    "modulator": {
        "batch": 32, "learning_rate": 3e-3, "ema": 11_000, "clip": 1.0, **_DRAWN, "losses": {"latent_l1": 0.1},
    },
}  # fmt: skip
"""What differs from the published values for half an hour on a CPU."""
