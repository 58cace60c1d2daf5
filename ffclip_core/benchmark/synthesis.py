"""Pictures: of every size, whole and in part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..execution.kept_features import KeptFeatures
from . import measure, networks, peer, report


def synthesis(device: torch.device, lower: list[torch.dtype], budget: float, quick: bool) -> Iterator[dict[str, Any]]:
    for size in (networks.SIZE,) if quick else (256, 512, networks.SIZE):
        generator = networks.generator(size).to(device)
        others = {}
        for dtype in lower:
            others[dtype] = networks.plain_generator(size).requires_grad_(False).to(device)
            others[dtype].load_state_dict(generator.state_dict())
            others[dtype].set_precision(dtype)
        for batch in (1, 4) if quick else (1, 4, 8):
            w = networks.codes(generator, batch)
            ours = {"float32": generator, **{networks.name(dtype): network for dtype, network in others.items()}}
            cases: dict[str, Callable[[], Tensor]] = {"peer": partial(peer.draw, generator, w)}
            cases |= {name: partial(network, w) for name, network in ours.items()}
            expected = cases["float32"]()
            row: dict[str, Any] = {"size": size, "batch": batch, "difference": largest(expected, cases["peer"]())}
            row["psnr"] = {networks.name(d): psnr(cases[networks.name(d)]().float(), expected) for d in lower}
            # The convolution limit: they take turns with the pictures and last as long, as clocks go down under load.
            limits = {}
            if (size, batch) == (networks.SIZE, 1):
                limits = {
                    networks.name(d): measure.plain_convolutions(device, d, report.FLOP)
                    for d in (torch.float32, *lower)
                }
            both = cases | {f"limit {name}": case for name, (case, _) in limits.items()}
            seconds = measure.interleaved(both, device, budget, warm=False)
            row["limit"] = {name: flop / seconds.pop(f"limit {name}") for name, (_, flop) in limits.items()}
            row["seconds"] = seconds
            row["memory"] = {}
            for name, case in cases.items():
                if device.type == "cuda" and name in ours:
                    ours[name].refresh()  # A graph's memory counts.
                row["memory"][name] = measure.peak_memory(case, device)
            yield row


def largest(x: Tensor, peer: Tensor) -> float:
    """The largest difference, as a part of the peer's largest value."""
    return float((x - peer).abs().max() / peer.abs().max())


def psnr(x: Tensor, y: Tensor) -> float:
    """dB, for pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / (x - y).square().mean()))


def in_part(device: torch.device, budget: float) -> dict[str, float]:
    """Previews, and edits of late layers alone, at 1024 px."""
    generator = networks.generator(networks.SIZE).to(device)
    w, kept = networks.codes(generator, 1).clone(), KeptFeatures()

    def late(layer: int) -> None:
        w[:, layer:] += 0.01
        generator(w, kept=kept)

    def whole_after_half() -> None:
        generator(w, kept=kept)

    cases = {
        "whole": lambda: generator(w),
        "half": lambda: generator(w, resolution=networks.SIZE // 2),
        "quarter": lambda: generator(w, resolution=networks.SIZE // 4),
    }
    if device.type == "cpu":
        cases |= {"from layer 12": lambda: late(12), "from layer 16": lambda: late(16)}
        generator(w, kept=kept)
        found = measure.interleaved(cases, device, budget)
        generator(w + 1, resolution=networks.SIZE // 2, kept=kept)
        w += 1
        return found | measure.interleaved({"whole after half": whole_after_half}, device, 0, warm=False)
    return measure.interleaved(cases, device, budget)
