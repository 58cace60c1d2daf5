"""Which of the ways draws a picture: decided here, once for a call, for the generator to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

GROUP = 4
"""Pictures whose small layers are drawn together: memory stays flat for any batch."""


@dataclass(frozen=True)
class Plan:
    """way: "layers", one after the other as the network is written, which gradients need; "whole", every layer on whole
    pictures by the operators of the device, all styles by one; "crew", on a CPU: parts of a picture dealt to threads.

    group: how many pictures at once. graph: whether it is recorded as a CUDA graph and replayed. keep: whether it takes
    up the features of the picture before, and leaves its own.
    """

    way: Literal["layers", "whole", "crew"]
    group: int = GROUP
    graph: bool = False
    keep: bool = False


def plan(device: torch.device, batch: int, gradients: bool, graph: bool = False, keep: bool = False) -> Plan:
    """For so many pictures on a device. graph: whether graphs can be recorded on it. keep: whether features are wanted,
    which are kept of single pictures on a CPU alone."""
    if gradients:
        return Plan("layers", group=batch)
    if device.type == "cpu" and not graph:
        return Plan("crew", keep=keep and batch == 1)
    return Plan("whole", graph=graph)
