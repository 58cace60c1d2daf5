"""StyleGAN2's generator: W+ code → picture, one layer after the other.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020. Gradients reach everything. How
pictures are drawn fast: execution/.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from operator import index
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..finite import require_finite, require_numbers
from .architecture import Architecture, channels_to
from .construction import in_float32
from .layers import ConstantInput, EqualLinear, PixelNorm, StyledConv, ToRGB

NOISE_MODES = ("const", "random", "none")
BFLOAT16_FROM = 64
"""px: the errors of smaller layers reach everything, so these stay exact."""
Noise = str | Sequence[Tensor]
Block = tuple[StyledConv, StyledConv, ToRGB]


@dataclass(frozen=True, kw_only=True)
class GeneratorArchitecture(Architecture):
    """size: side of the picture in px, a power of two from 8 on. channels: feature channels by resolution, 4 to size.
    num_layers L = 2·log2(size) − 2. conv_clamp: what features and RGB are clamped to, as in StyleGAN2-ADA's float16
    layers (Karras et al. 2020, appendix on mixed precision). z_dim (default: latent_dim): width of z. num_classes: of a
    class-conditional generator, whose mapping network takes a class's embedding beside z (StyleGAN2-ADA); 0: of none.
    """

    LATER = ("conv_clamp", "z_dim", "num_classes")

    size: int
    channels: Mapping[int, int]
    latent_dim: int = 512
    num_mapping_layers: int = 8
    conv_clamp: float | None = None
    z_dim: int | None = None
    num_classes: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", channels_to(self.size, self.channels))
        if self.z_dim == self.latent_dim:
            object.__setattr__(self, "z_dim", None)


class Generator(nn.Module):
    """Mapping network (z → w) and synthesis network (w → picture). Made by the fields of GeneratorArchitecture as
    keywords."""

    latent_avg: Tensor
    embed: EqualLinear | None

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = GeneratorArchitecture(**hyper_parameters)
        size, latent_dim, num_mapping_layers = config.size, config.latent_dim, config.num_mapping_layers
        conv_clamp, num_classes = config.conv_clamp, config.num_classes
        self.size, self.latent_dim, self.family = size, latent_dim, family
        self.num_layers = 2 * int(math.log2(size)) - 2
        self.channels = dict(config.channels)
        self.num_mapping_layers, self.conv_clamp = num_mapping_layers, conv_clamp
        self.z_dim, self.num_classes = latent_dim if config.z_dim is None else config.z_dim, num_classes
        self.embed = EqualLinear(num_classes, latent_dim) if num_classes else None
        widths = [self.z_dim + (latent_dim if num_classes else 0)] + [latent_dim] * num_mapping_layers
        layers = [EqualLinear(*pair, lr_mul=0.01, activate=True) for pair in zip(widths, widths[1:], strict=False)]
        self.style = nn.Sequential(PixelNorm(), *layers)
        before = self.channels[4]
        self.input = ConstantInput(before)
        self.conv1 = StyledConv(before, before, latent_dim, clamp=conv_clamp)
        self.to_rgb1 = ToRGB(before, latent_dim, clamp=conv_clamp)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for _resolution, after in list(self.channels.items())[1:]:
            self.convs.append(StyledConv(before, after, latent_dim, up=True, clamp=conv_clamp))
            self.convs.append(StyledConv(after, after, latent_dim, clamp=conv_clamp))
            self.to_rgbs.append(ToRGB(after, latent_dim, clamp=conv_clamp))
            before = after
        for i in range(self.num_layers - 1):
            self.noises.register_buffer(f"noise_{i}", torch.zeros(1, 1, *self.noise_shape(i)))
        self.register_buffer("latent_avg", torch.zeros(latent_dim))

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def set_precision(self, dtype: torch.dtype) -> Generator:
        """Compute in float32, float16 (for GPUs) or bfloat16. Returns itself.

        float16 also stores weights so, and what rounding took is gone. bfloat16 is for features from 64 px on, as the
        errors of smaller layers reach everything; weights, styles and pictures stay in float32.
        """
        if dtype not in (torch.float32, torch.float16, torch.bfloat16):
            raise ValueError(f"the precision is float32, float16 or bfloat16, not {dtype}")
        self.to(torch.float16 if dtype == torch.float16 else torch.float32)
        for i in range(len(self.to_rgbs)):
            wide = dtype == torch.bfloat16 and 8 << i >= BFLOAT16_FROM
            for layer in self.block(i):
                layer.conv.precision = dtype if wide else None
        return self

    def noise_shape(self, index: int) -> tuple[int, int]:
        """Height and width of the noise of convolution `index` (0 to L − 2)."""
        side = 2 ** ((index + 5) // 2)
        return side, side

    def map(self, z: Tensor, truncation: float = 1.0, label: int | Sequence[int] | Tensor | None = None) -> Tensor:
        """z [B, z_dim], standard normal → w [B, L, latent_dim].

        truncation ψ draws w towards the mean code: w_avg + ψ·(w − w_avg) (StyleGAN, section 2.2). label: the class, 0
        to num_classes − 1, one for all or one for each z, which a class-conditional generator needs and no other takes
        (StyleGAN2-ADA: z and the class's embedding, each divided by its root mean square, enter side by side). Raises
        InputError for z of another shape, for numbers that are not finite, and for a label that does not fit.
        """
        require_numbers(z, "The values of z")
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise InputError(f"The mapping network takes z of shape [batch, {self.z_dim}], not {list(z.shape)}.")
        require_finite(z, "The values of z", "sample", "channel")
        if not isinstance(truncation, Real) or not math.isfinite(truncation):
            raise InputError(f"The truncation is a number such as 0.7, not {truncation!r}.")
        classes = self._classes(label, len(z))
        z = z.to(self.latent_avg)
        if self.embed is not None:
            # A one-hot vector times the matrix is one of its columns.
            embedded = self.embed.weight.T[classes] * self.embed.scale + self.embed.bias
            z = torch.cat([self.style[0](z), self.style[0](embedded)], dim=1)
        w = self.style[1 if self.embed is not None else 0 :](z)[:, None].repeat(1, self.num_layers, 1)
        return w if truncation == 1 else self.latent_avg + truncation * (w - self.latent_avg)

    def _classes(self, label: int | Sequence[int] | Tensor | None, count: int) -> Tensor | None:
        """The class of each of so many samples, int64 [count]."""
        if not self.num_classes:
            if label is not None:
                raise InputError("This generator knows no classes: leave the label out.")
            return None
        give = f"This generator has {self.num_classes} classes: give label=0..{self.num_classes - 1}"
        if label is None:
            raise InputError(f"{give}.")
        try:
            classes = torch.as_tensor(label, device=self.latent_avg.device)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise InputError(f"{give}, not {str(label)[:80]}.") from error
        if classes.dtype == torch.bool or classes.is_floating_point() or classes.is_complex():
            raise InputError(f"{give}, whole numbers, not {str(label)[:80]}.")
        if classes.ndim > 1 or classes.numel() not in (1, count):
            raise InputError(f"{give}, one for all or one for each of the {count} samples, not {list(classes.shape)}.")
        if not 0 <= int(classes.min()) <= int(classes.max()) < self.num_classes:
            raise InputError(f"{give}, not {str(classes.tolist())[:80]}.")
        return classes.long().expand(count)

    def forward(self, w: Tensor, noise: Noise = "const", seed: int = 0, resolution: int | None = None) -> Tensor:
        """w [B, L, latent_dim] → RGB [B, 3, resolution, resolution] in about [-1, 1].

        noise: "const" takes the maps stored with the weights, "random" draws picture i's from seed + i, "none" adds
        nothing; or a list of L − 1 tensors, [B or 1, 1, h, w] each. resolution (default: size) stops at a
        smaller block. Raises InputError for a code of another shape, for NaN and infinity in codes or noise, and for an
        unknown noise mode or resolution.
        """
        blocks = self.check(w, noise, resolution)
        maps = self.noise_maps(noise, seed, slice(0, len(w)))
        x = self.conv1(self.input(len(w)), w[:, 0], maps[0])
        rgb = self.to_rgb1(x, w[:, 1])
        for i in range(blocks):
            up, same, to_rgb = self.block(i)
            x = up(x, w[:, 2 * i + 1], maps[2 * i + 1])
            x = same(x, w[:, 2 * i + 2], maps[2 * i + 2])
            rgb = to_rgb(x, w[:, 2 * i + 3], rgb)
        return rgb

    def block(self, i: int) -> Block:
        """The layers that double the resolution to 8·2^i px. They read w's layers 2i + 1, 2i + 2 and 2i + 3."""
        return self.convs[2 * i], self.convs[2 * i + 1], self.to_rgbs[i]  # pyright: ignore[reportReturnType]

    def check(self, w: Tensor, noise: Noise, resolution: int | None) -> int:
        """How many blocks draw pictures of the resolution; raises what forward() does."""
        require_numbers(w, "The codes")
        if w.ndim != 3 or w.shape[1:] != (self.num_layers, self.latent_dim) or not len(w):
            raise InputError(
                f"The generator takes codes of shape [batch, {self.num_layers}, {self.latent_dim}], but was given "
                f"{list(w.shape)}: invert with the encoder of the same family."
            )
        resolution = resolution or self.size
        if resolution not in self.channels:
            raise InputError(f"The generator draws {', '.join(map(str, self.channels))} px, not {resolution} px.")
        if w.device != self.latent_avg.device:
            raise InputError(
                f"The codes are on {w.device}, but the generator is on {self.latent_avg.device}: move one."
            )
        require_finite(w, "The codes", "picture", "layer", "channel")
        self._check_noise(noise, len(w))
        return int(math.log2(resolution)) - 2

    def _check_noise(self, noise: Noise, batch: int) -> None:
        count = self.num_layers - 1
        if isinstance(noise, str) or not isinstance(noise, Sequence):
            if noise not in NOISE_MODES:
                raise InputError(f"Noise is one of {', '.join(NOISE_MODES)}, not '{str(noise)[:80]}'.")
            return
        if len(noise) != count:
            raise InputError(f"The generator takes {count} noise maps, but was given {len(noise)}.")
        for i, (given, shape) in enumerate(zip(noise, map(self.noise_shape, range(count)), strict=True)):
            require_numbers(given, f"The values of noise map {i}")
            if given.ndim != 4 or given.shape[1:] != (1, *shape) or len(given) not in (1, batch):
                raise InputError(
                    f"Noise map {i} has the shape [{batch} or 1, 1, {shape[0]}, {shape[1]}], but was given as "
                    f"{list(given.shape)}."
                )
            require_finite(given, f"The values of noise map {i}", "picture", "channel", "row", "column")

    def noise_maps(self, noise: Noise, seed: int, piece: slice) -> Sequence[Tensor | None]:
        """The maps of these pictures of a batch, [their count or 1, 1, h, w] each."""
        if not isinstance(noise, str):
            return [(given if len(given) == 1 else given[piece]).to(self.latent_avg) for given in noise]
        shapes = [self.noise_shape(i) for i in range(self.num_layers - 1)]
        if noise == "const":
            return [getattr(self.noises, f"noise_{i}") for i in range(len(shapes))]
        if noise == "none":
            return [None] * len(shapes)
        try:
            seed = index(seed)
        except TypeError as error:
            raise InputError(f"The seed is a whole number, not {str(seed)[:80]!r}.") from error
        # Drawn on the CPU: the same seed gives the same picture on every device.
        streams = [torch.Generator("cpu").manual_seed((seed + i) % 2**64) for i in range(piece.start, piece.stop)]
        return [
            torch.stack([_normal(1, *shape, stream=stream) for stream in streams]).to(self.latent_avg)
            for shape in shapes
        ]


def _normal(*shape: int, stream: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=stream, dtype=torch.float32, device="cpu")
