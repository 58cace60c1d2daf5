"""The aligner: where a drawn face is, and how the family's encoder wants to see it.

A small convolutional network with a path down and up again (Ronneberger et al., "U-Net", 2015). Each of its cells, 4 px
wide, says whether it lies on a face, and which place of the encoder's frame it sees there (dense coordinates: Güler et
al., "DensePose", CVPR 2018). fit_frames() takes from the places the similarity that fits them best, so what is covered
or cut off is not missed. Of a picture that shows one frame upright it also says whether it is mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..finite import require_finite, require_numbers
from .architecture import Architecture
from .construction import in_float32

CELL = 4
"""The side of a cell in px of the input."""


class Cells(NamedTuple):
    """What the cells [B, H, W] of the input say. face: logits of whether they lie on a face. places [B, 2, H, W]: x and
    y in the frame, whose sides are at -1 and 1, as the picture shows it, so that x runs to the right in a mirrored
    picture too. mirrored: logits [B], for pictures that show about one frame, upright."""

    face: Tensor
    places: Tensor
    mirrored: Tensor


@dataclass(frozen=True, kw_only=True)
class AlignerArchitecture(Architecture):
    """input_size: side of the square pictures that it was trained on, a multiple of 32; larger ones are taken too.
    widths: channels at 1/2, 1/4, 1/8, 1/16 of the input's resolution. blocks: residual blocks at each of the last
    three, on the way down. face: the middle and the half axes (x, y, x, y) of the ellipse that counts as face. points:
    the average places of eyes, nose and mouth corners, x and y each. Both in fractions of the frame's side, from its
    top left corner."""

    input_size: int = 96
    widths: Sequence[int] = (16, 24, 48, 64)
    blocks: Sequence[int] = (1, 2, 2)
    face: Sequence[float] = (0.5, 0.5, 0.3, 0.35)
    points: Sequence[float] = (0.37, 0.45, 0.63, 0.45, 0.5, 0.55, 0.42, 0.65, 0.58, 0.65)


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(width, width), _convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Aligner(nn.Module):
    """Pictures → Cells. Made by the fields of AlignerArchitecture as keywords.

    face: the face's middle and half axes; points: eyes, nose and mouth corners; as numbers x + yi in places of the
    frame, whose sides are at -1 and 1.
    """

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = AlignerArchitecture(**hyper_parameters)
        self.family, self.input_size = family, config.input_size
        if len(config.widths) != 4 or len(config.blocks) != 3 or len(config.face) != 4 or len(config.points) != 10:
            raise ValueError("an aligner has 4 widths, 3 numbers of blocks, a face of 4 numbers and points of 10")
        if self.input_size % 32 or min(config.widths) < 2:
            raise ValueError("an aligner's input is a multiple of 32 px, its least width 2")
        x, y, wide, high = (2 * float(value) for value in config.face)
        self.face = (complex(x - 1, y - 1), complex(wide, high))
        places = [2 * float(value) - 1 for value in config.points]
        self.points = [complex(x, y) for x, y in zip(places[::2], places[1::2], strict=True)]
        half, quarter, eighth, sixteenth = config.widths
        self.stem = _convolution(3, half, 2)
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(before, after, 2), nn.ReLU(), *(Residual(after) for _ in range(count)))
            for before, after, count in zip(config.widths, config.widths[1:], config.blocks, strict=False)
        )
        self.lateral = nn.ModuleList([nn.Conv2d(sixteenth, eighth, 1), nn.Conv2d(eighth, quarter, 1)])
        self.up = nn.ModuleList([Residual(eighth), Residual(quarter)])
        self.head = nn.Conv2d(quarter, 3, 1)
        self.mirrored = nn.Sequential(
            nn.Conv2d(sixteenth, sixteenth // 2, 1, bias=False),
            nn.BatchNorm2d(sixteenth // 2),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(sixteenth // 2 * (config.input_size // 16) ** 2, sixteenth // 2),
            nn.LeakyReLU(0.1),
            nn.Linear(sixteenth // 2, 1),
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def forward(self, x: Tensor) -> Cells:
        """RGB [B, 3, H, W] in [-1, 1], sides multiples of 16 → cells [B, H / 4, W / 4].

        Raises InputError for pictures of another form, and for NaN and infinity in them.
        """
        require_numbers(x, "The pictures")
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] % 16 or x.shape[3] % 16:
            raise InputError(
                "The aligner takes pictures of shape [batch, 3, height, width], sides multiples of 16 px, but was "
                f"given {list(x.shape)}: ffclip_core.faces.drawn.see cuts such out."
            )
        require_finite(x, "The pictures", "picture", "channel", "row", "column")
        features = [F.relu(self.stem(x))]
        for stage in self.down:
            features.append(stage(features[-1]))
        x = features[-1]
        mirrored = self.mirrored(F.adaptive_avg_pool2d(x, self.input_size // 16))
        for lateral, up, beside in zip(self.lateral, self.up, (features[-2], features[-3]), strict=True):
            x = up(F.relu(F.interpolate(lateral(x), scale_factor=2.0, mode="nearest") + beside))
        x = self.head(x).float()
        return Cells(x[:, 0], x[:, 1:], mirrored[:, 0].float())


def cell_centres(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Where the cells' middles lie in the input, px [2, height, width], float32."""
    y, x = (CELL * (torch.arange(n, dtype=torch.float32, device=device) + 0.5) for n in (height, width))
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])


def fit_frames(places: Tensor, weights: Tensor) -> Tensor:
    """places [B, 2, H, W] and weights [B, H, W] → the frames that fit them best, [B, 4] in px of the input: the middle
    (x, y), and the frame's right half axis (x, y); its lower half axis is that turned by 90°.

    Least squares of place = b · (cell - middle) with b a turn and a scale: the cells are exact, the places are not.
    """
    cells = cell_centres(*weights.shape[1:], device=places.device).flatten(1)
    total = weights.flatten(1).sum(1).clamp_min(1e-6)
    share = weights.flatten(1) / total[:, None]
    p, q = cells.expand(len(places), -1, -1), places.flatten(2)
    p_mean, q_mean = ((each * share[:, None]).sum(2) for each in (p, q))
    (px, py), (qx, qy) = (p - p_mean[:, :, None]).unbind(1), (q - q_mean[:, :, None]).unbind(1)
    spread = (share * (px**2 + py**2)).sum(1).clamp_min(1e-6)
    real = (share * (px * qx + py * qy)).sum(1) / spread
    turn = (share * (px * qy - py * qx)).sum(1) / spread
    # The axis a = 1 / b, as complex numbers; nonsense (places all alike) becomes a frame far too large, not infinity.
    size = (real**2 + turn**2).clamp_min(1e-8)
    ax, ay = real / size, -turn / size
    mx = p_mean[:, 0] - (ax * q_mean[:, 0] - ay * q_mean[:, 1])
    my = p_mean[:, 1] - (ay * q_mean[:, 0] + ax * q_mean[:, 1])
    return torch.stack([mx, my, ax, ay], 1)


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))
