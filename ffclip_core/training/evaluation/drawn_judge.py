"""The judge of drawings: a small classifier of what they show, by which edits are measured. It enters no loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..pictures import resized

_SIDE = 64


class DrawnJudge(nn.Module):
    """Pictures [B, 3, S, S] in [-1, 1] → for every attribute the logits of its values, [B, values]."""

    def __init__(self, attributes: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.attributes = {name: tuple(values) for name, values in attributes.items()}
        widths = (16, 32, 64, 128)
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            for inner in (before, after):
                layers += [nn.Conv2d(inner, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1] * 16, 256), nn.ReLU())
        # Names of attributes may be such as modules can't have.
        self.heads = nn.ModuleList(nn.Linear(256, len(values)) for values in self.attributes.values())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.body(resized(x, (_SIDE, _SIDE)))
        return {name: head(features) for name, head in zip(self.attributes, self.heads, strict=True)}

    def save(self, path: Path) -> None:
        attributes = {name: list(values) for name, values in self.attributes.items()}
        torch.save({"attributes": attributes, "weights": self.state_dict()}, path)


def load_judge(path: str | Path) -> DrawnJudge:
    stored = torch.load(path, weights_only=True)
    judge = DrawnJudge(stored["attributes"])
    judge.load_state_dict(stored["weights"])
    return judge.eval().requires_grad_(False)
