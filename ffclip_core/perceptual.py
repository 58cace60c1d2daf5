"""LPIPS, the distance of pictures that comes close to people's own, through the package of its authors if it is there.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import FFCLIPError, InputError

_FROM, _TO = 64, 256  # Px at which it is looked: AlexNet takes no less, and StyleGAN2's projection no more.


def lpips_distance(device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Two batches of pictures [b, 3, h, w] in [-1, 1] on the device → their distances [b].

    At first use torchvision fetches AlexNet's weights (233 MB). Raises InputError where the package lpips is not
    installed, FFCLIPError where it can't be loaded.
    """
    try:
        package = importlib.import_module("lpips")
    except ImportError as error:
        raise InputError(
            "The loss with LPIPS needs the package lpips, which is not installed: python -m pip install lpips, with "
            "the Python that runs this, or choose the loss pixels."
        ) from error
    try:
        # Its making draws weights that are overwritten at once.
        with torch.inference_mode(False), torch.random.fork_rng(devices=[]), torch.device("cpu"):
            network = package.LPIPS(net="alex", verbose=False).float().to(device).eval().requires_grad_(False)
    except Exception as error:  # Whatever a broken installation or a missing connection raises.
        raise FFCLIPError(
            f"LPIPS can't be loaded ({type(error).__name__}: {str(error)[:200]}): choose the loss pixels, or see that "
            "torchvision can fetch AlexNet's weights."
        ) from error

    def distance(drawn: Tensor, target: Tensor) -> Tensor:
        longer = max(drawn.shape[2:])
        factor = min(_TO, max(_FROM, longer)) / longer
        if factor != 1:
            size = [max(_FROM // 2, round(n * factor)) for n in drawn.shape[2:]]
            settings = {"size": size, "mode": "bilinear", "antialias": True}
            drawn, target = (F.interpolate(x, **settings) for x in (drawn, target))
        return network(drawn, target).flatten()

    return distance
