"""The judge: a small classifier of the drawn attributes that measures edits. It enters no loss."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .vocabulary import ATTRIBUTES


class Judge(nn.Module):
    """Pictures [B, 3, 64, 64] in [-1, 1] → for every attribute of ATTRIBUTES the logits of its values."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 64, 128)
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            for inner in (before, after):
                layers += [nn.Conv2d(inner, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1] * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(256, len(values)) for name, values in ATTRIBUTES.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.body(x)
        return {name: head(features) for name, head in self.heads.items()}


def load_judge(path: str | Path) -> Judge:
    judge = Judge()
    judge.load_state_dict(torch.load(path, weights_only=True))
    return judge.eval().requires_grad_(False)
