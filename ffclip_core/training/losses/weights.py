"""The weights that losses were published with, by the part that is trained and the loss's name in the settings.

docs/training-losses.md says what each loss is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """value: the loss's weight; of "mixing" the probability, of "augment" the target of E sign(D(real)). every: how
    many steps from one to the next where it is lazy; lazy() then makes up for those between. source: where it is from.
    """

    value: float
    source: str
    every: int = 1


_FFCLIP, _HERE = "FFCLIP, released settings", "measured on drawn avatars"

PUBLISHED: Mapping[str, Mapping[str, Published]] = {
    "modulator": {
        "clip": Published(1.0, _FFCLIP),
        "directional": Published(1.0, "StyleGAN-NADA (Gal et al. 2022)"),
        "latent_l1": Published(1.6, _FFCLIP),
        "latent_l2": Published(0.8, "StyleCLIP's mapper (Patashnik et al. 2021)"),
        "embedding": Published(1.0, _FFCLIP),
        "identity": Published(0.9, _FFCLIP),
        "background": Published(2.0, _FFCLIP),
        "pair_image": Published(1.0, _HERE),
        "pair_masked": Published(1.0, "ours, not published"),
        "pair_latent": Published(0.02, _HERE),
        "caption_image": Published(1.0, _HERE),
        "caption_masked": Published(1.0, _HERE),
        "caption_latent": Published(0.02, _HERE),
        "remembered": Published(1.0, "ours, not published"),
        "text_free": Published(1.0, "DeltaEdit (Lyu et al. 2023)"),
    },
    "autoencoder": {
        "l1": Published(1.0, _HERE),
        "laplacian": Published(1.0, _HERE),
        "features": Published(0.25, _HERE),
        "latent_l2": Published(0.003, _HERE),
    },
    "generator": {
        "adversarial": Published(1.0, "StyleGAN2 (Karras et al. 2020)"),
        "r1": Published(10.0, "StyleGAN2 (Karras et al. 2020)", every=16),
        "path_length": Published(2.0, "StyleGAN2 (Karras et al. 2020)", every=8),
        "mixing": Published(0.9, "StyleGAN (Karras et al. 2019)"),
        "augment": Published(0.6, "StyleGAN2-ADA (Karras et al. 2020)"),
    },
    "encoder": {
        "latent": Published(1.0, "ours, not published"),
        "reconstruction": Published(1.0, "e4e (Tov et al. 2021)"),
        "perceptual": Published(0.8, "e4e (Tov et al. 2021)"),
        "identity": Published(0.1, "e4e (Tov et al. 2021)"),
        "delta": Published(2e-4, "e4e (Tov et al. 2021)"),
        "latent_adversarial": Published(0.1, "e4e (Tov et al. 2021)"),
        "r1": Published(10.0, "e4e (Tov et al. 2021)", every=16),
    },
    "text": {
        "sigmoid": Published(1.0, _HERE),
        "softmax": Published(1.0, _HERE),
        "attributes": Published(1.0, _HERE),
        "meanings": Published(1.0, "ours, not published"),
    },
    "drawn_generator": {"l1": Published(2.0, _HERE), "laplacian": Published(2.0, _HERE)},
    "drawn_encoder": {"codes": Published(1.0, _HERE)},
    "drawn_modulator": {
        "styles": Published(1.0, _HERE),
        "codes": Published(0.02, _HERE),
        "unseen": Published(0.01, _HERE),
    },
}
