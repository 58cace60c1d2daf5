"""StyleGAN2's generator: W+ code → picture.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.

Parameters carry the names of the common PyTorch layout (g_ema of stylegan2-*.pt files), so those load as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops import StyleTable, epilogue, fir_epilogue, fused_leaky_relu, rgb_skip, styles
from ...cuda_ops.graphs import Graphs
from ...cuda_ops.style_table import accurate
from ..errors import InputError
from ..execution.kept_features import KeptFeatures
from ..execution.strips import draw_blocks
from ..finite import require_finite
from .construction import in_float32

NOISE_MODES = ("const", "random", "none")
HALF_CLAMP = 256.0
STRIPS_FROM, TOGETHER_FROM, BFLOAT16_FROM = 128, 512, 64
"""px: smaller layers stay in the cache as they are, have weights too large to take up again in each strip, and stay
exact."""
GROUP = 4
"""Pictures whose small layers are drawn together: memory stays flat for any batch."""
Modulation = tuple[Tensor, Tensor | None]


class EqualLinear(nn.Module):
    """x·(W·lr_mul/√in)ᵀ + b·lr_mul, then fused leaky ReLU if `activate` (equalised learning rate: ProGAN, 4.1)."""

    def __init__(
        self, in_dim: int, out_dim: int, bias_init: float = 0.0, lr_mul: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_dim,), bias_init))
        self.scale, self.lr_mul, self.activate = lr_mul / math.sqrt(in_dim), lr_mul, activate

    def forward(self, x: Tensor) -> Tensor:
        if self.activate:
            return fused_leaky_relu(F.linear(x * self.scale, self.weight), self.bias * self.lr_mul)
        return F.linear(x * self.scale, self.weight, self.bias * self.lr_mul)


class PixelNorm(nn.Module):
    """z / rms(z) over the last axis."""

    def forward(self, z: Tensor) -> Tensor:
        return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + 1e-8)


class Blur(nn.Module):
    """The FIR filter [1, 3, 3, 1] in both axes, times 4 to make up for zeros put in between; not in our files."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float32, device="cpu")  # Not on "meta", when loading.
        self.register_buffer("kernel", torch.outer(taps, taps) / 16, persistent=False)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by a style (StyleGAN2, section 2.2).

    Scaling the activations before and after one shared convolution equals scaling the weights per picture. How styles
    and demodulations follow from w: see cuda_ops.styles. precision: what it computes in, if not in its weights' dtype.
    """

    precision: torch.dtype | None = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        latent_dim: int,
        up: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        # In memory in the order in which convolutions take it, where they would reorder it in every call.
        order, back = ((0, 2, 3, 4, 1), (0, 4, 1, 2, 3)) if up else ((0, 1, 3, 4, 2), (0, 1, 4, 2, 3))
        weight = torch.randn(1, out_channels, in_channels, kernel, kernel)
        self.weight = nn.Parameter(weight.permute(order).contiguous().permute(back))
        self.modulation = EqualLinear(latent_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.up, self.demodulate = up, demodulate
        if up:
            self.blur = Blur()

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.precision or self.weight.dtype

    def convolve(self, x: Tensor, style: Tensor | None) -> Tensor:
        """x [B, C, H, W], style [B, C] (None: x has been multiplied by it) → what is still to be demodulated; after a
        transposed convolution, also to be filtered: [B, C', 2H + 1, 2W + 1]."""
        weight = self.weight[0].to(self.dtype)
        x = x.to(self.dtype)
        if style is not None:
            x = x * style.to(self.dtype)[:, :, None, None]
        if self.up:
            return F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)


class NoiseInjection(nn.Module):
    """The strength of a layer's noise, one for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class Activate(nn.Module):
    """The bias before a layer's activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, activation."""

    def __init__(
        self, in_channels: int, out_channels: int, latent_dim: int, up: bool = False, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv2d(in_channels, out_channels, 3, latent_dim, up=up)
        self.noise = NoiseInjection()
        self.activate = Activate(out_channels)

    def forward(
        self,
        x: Tensor,
        modulation: tuple[Tensor | None, Tensor | None],
        noise: Tensor | None,
        next_style: Tensor | None = None,
    ) -> Tensor:
        """next_style: of the only layer that takes the output, which is multiplied by it."""
        style, demodulation = modulation
        x = self.conv.convolve(x, style)
        noise = None if noise is None else noise.to(x.dtype)
        finish = fir_epilogue if self.conv.up else epilogue
        return finish(x, self.activate.bias, demodulation, noise, self.noise.weight, self.limit, next_style)

    @property
    def limit(self) -> float | None:
        """What features are clamped to."""
        return _limit(self.clamp, self.conv.dtype)


class ToRGB(nn.Module):
    """1×1 modulated convolution to RGB, added to the upsampled RGB of the block before."""

    def __init__(self, channels: int, latent_dim: int, up: bool = True, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv2d(channels, 3, 1, latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.upsample = Blur()

    def forward(self, x: Tensor, modulation: Modulation, skip: Tensor | None = None) -> Tensor:
        # Pictures add up in the weights' precision.
        rgb = self.conv.convolve(x, modulation[0]).to(self.bias.dtype)
        return rgb_skip(rgb, self.bias.flatten(), skip, self.limit)

    @property
    def limit(self) -> float | None:
        """What the block's RGB is clamped to."""
        return _limit(self.clamp, self.conv.dtype)


def style_table(convolutions: Sequence[tuple[ModulatedConv2d, int]]) -> StyleTable:
    """Of convolutions and the layers of w that they read."""
    return StyleTable.build(
        [
            (
                accurate(c.modulation.weight) * c.modulation.scale,
                c.modulation.bias,
                c.weight[0],
                c.scale,
                layer,
                c.demodulate,
            )
            for c, layer in convolutions
        ]
    )


def _state(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Differs once a weight is changed in place or replaced; within inference mode PyTorch does not count changes."""
    return [(weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in weights]


def _normal(*shape: int, stream: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=stream, dtype=torch.float32, device="cpu")


def _limit(clamp: float | None, dtype: torch.dtype) -> float | None:
    """float16 is always clamped as published (StyleGAN2-ADA, appendix D.1)."""
    return HALF_CLAMP if clamp is None and dtype == torch.float16 else clamp


class ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class Generator(nn.Module):
    """Mapping network (z → w) and synthesis network (w → picture).

    size: side of the picture in px, a power of two from 8 on. channels: feature channels by resolution, 4 to size.
    num_layers L = 2·log2(size) − 2. conv_clamp: what features and RGB are clamped to, as in StyleGAN2-ADA's float16
    layers (Karras et al. 2020, appendix on mixed precision). z_dim (default: latent_dim): width of z. num_classes: of a
    class-conditional generator, whose mapping network takes a class's embedding beside z (StyleGAN2-ADA); 0: of none.
    """

    latent_avg: Tensor
    embed: EqualLinear | None
    strip_rows: int = 64
    """Rows of a strip on the CPU; 0 draws wide layers as a whole, better where other programs fight for the cores."""

    @in_float32
    def __init__(
        self,
        size: int,
        channels: Mapping[int, int],
        latent_dim: int = 512,
        num_mapping_layers: int = 8,
        conv_clamp: float | None = None,
        family: str | None = None,
        z_dim: int | None = None,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(f"the size is a power of two from 8 on, not {size}")
        self.size, self.latent_dim, self.family = size, latent_dim, family
        self.num_layers = 2 * int(math.log2(size)) - 2
        self.channels = {2**i: channels[2**i] for i in range(2, int(math.log2(size)) + 1)}
        self.num_mapping_layers, self.conv_clamp = num_mapping_layers, conv_clamp
        self.z_dim, self.num_classes = latent_dim if z_dim is None else z_dim, num_classes
        self.embed = EqualLinear(num_classes, latent_dim) if num_classes else None
        widths = [self.z_dim + (latent_dim if num_classes else 0)] + [latent_dim] * num_mapping_layers
        layers = [EqualLinear(*pair, lr_mul=0.01, activate=True) for pair in zip(widths, widths[1:], strict=False)]
        self.style = nn.Sequential(PixelNorm(), *layers)
        before = self.channels[4]
        self.input = ConstantInput(before)
        self.conv1 = StyledConv(before, before, latent_dim, clamp=conv_clamp)
        self.to_rgb1 = ToRGB(before, latent_dim, up=False, clamp=conv_clamp)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for _resolution, after in list(self.channels.items())[1:]:
            self.convs.append(StyledConv(before, after, latent_dim, up=True, clamp=conv_clamp))
            self.convs.append(StyledConv(after, after, latent_dim, clamp=conv_clamp))
            self.to_rgbs.append(ToRGB(after, latent_dim, clamp=conv_clamp))
            before = after
        for i in range(self.num_layers - 1):
            self.noises.register_buffer(f"noise_{i}", torch.zeros(1, 1, *self.noise_shape(i)))
        self.register_buffer("latent_avg", torch.zeros(latent_dim))
        self._kept_table: tuple[list[Tensor], Any, StyleTable] | None = None
        self._graphs = Graphs()

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return {
            "size": self.size,
            "channels": {str(resolution): count for resolution, count in self.channels.items()},
            "latent_dim": self.latent_dim,
            "num_mapping_layers": self.num_mapping_layers,
            **({} if self.conv_clamp is None else {"conv_clamp": self.conv_clamp}),
            **({} if self.z_dim == self.latent_dim else {"z_dim": self.z_dim}),
            **({"num_classes": self.num_classes} if self.num_classes else {}),
        }

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
            for layer in self._block(i):
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
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise InputError(f"The mapping network takes z of shape [batch, {self.z_dim}], not {list(z.shape)}.")
        require_finite(z, "The values of z", "sample", "channel")
        if not isinstance(truncation, (int, float)) or not math.isfinite(truncation):
            raise InputError(f"The truncation is a number such as 0.7, not {truncation!r}.")
        classes = self._classes(label, len(z))
        z = z.to(self.latent_avg)
        if self.embed is not None:
            # A one-hot vector times the matrix is one of its columns.
            embedded = self.embed.weight.T[classes] * self.embed.scale + self.embed.bias
            z = torch.cat([self.style[0](z), self.style[0](embedded)], dim=1)
        w = self.style[1 if self.embed is not None else 0 :](z)[:, None].expand(-1, self.num_layers, -1)
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

    def forward(
        self,
        w: Tensor,
        noise: str | Sequence[Tensor] = "const",
        seed: int = 0,
        resolution: int | None = None,
        kept: KeptFeatures | None = None,
    ) -> Tensor:
        """w [B, L, latent_dim] → RGB [B, 3, resolution, resolution] in about [-1, 1].

        noise: "const" takes the maps stored with the weights, "random" draws picture i's from seed + i, "none" adds
        nothing; or a list of L − 1 tensors, [B or 1, 1, h, w] each. resolution (default: size) stops at a
        smaller block. kept, given again with the next code, spares what did not change since this one (single pictures
        on a CPU). Raises InputError for a code of another shape, for NaN and infinity in codes or noise, and for an
        unknown noise mode or resolution.
        """
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
        blocks = int(math.log2(resolution)) - 2
        table = self._style_table()
        if self._needs_gradient(w):
            return self._draw(w, self._noise(noise, seed, slice(0, len(w))), table, blocks)
        pictures: Tensor | None = None
        for start in range(0, len(w), GROUP):
            piece = slice(start, min(start + GROUP, len(w)))
            maps = self._noise(noise, seed, piece)
            if self._graphs.takes(w.device):
                rgb = self._replay(w[piece], noise, maps, table, blocks)
            elif kept is not None and len(w) == 1 and isinstance(noise, str) and w.device.type == "cpu":
                key = (table, noise, seed if noise == "random" else 0)
                rgb = self._draw(w, maps, table, blocks, True, kept, kept.resume(key, w, blocks))
                rgb = rgb.clone() if kept.holds(rgb) else rgb
            else:
                rgb = self._draw(w[piece], maps, table, blocks, w.device.type == "cpu")
            if len(w) <= GROUP:
                return rgb
            if pictures is None:
                pictures = rgb.new_empty(len(w), *rgb.shape[1:])
            pictures[piece] = rgb
        assert pictures is not None  # noqa: S101
        return pictures

    def _needs_gradient(self, w: Tensor) -> bool:
        return torch.is_grad_enabled() and (w.requires_grad or any(p.requires_grad for p in self.parameters()))

    def _draw(
        self,
        w: Tensor,
        maps: Sequence[Tensor | None],
        table: StyleTable,
        blocks: int,
        in_strips: bool = False,
        kept: KeptFeatures | None = None,
        begin: tuple[int, Tensor, Tensor] | None = None,
    ) -> Tensor:
        """RGB after so many blocks, from the features and RGB before block begin[0] on, if they are given."""
        modulations = styles(w, table)
        if begin:
            first, x, rgb = begin
        else:
            first = 0
            x = self.input.input.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            x = self.conv1(x, modulations[0], maps[0])
            rgb = self.to_rgb1(x, modulations[1])
        keep_at = (self.size // 8, self.size // 2) if kept else ()
        wide = int(math.log2(STRIPS_FROM)) - 3 if in_strips and self.strip_rows else blocks
        for i in range(first, min(wide, blocks)):
            up, same, to_rgb = self._block(i)
            style, demodulation = modulations[3 + 3 * i]
            x = up(x, modulations[2 + 3 * i], maps[2 * i + 1], style)
            x = same(x, (None, demodulation), maps[2 * i + 2])
            rgb = to_rgb(x, modulations[4 + 3 * i], rgb)
            if kept and 8 << i in keep_at:
                kept.keep(i, x, rgb)
        if wide >= blocks:
            return rgb
        rest = range(max(first, wide), blocks)
        if len(w) == 1:
            return self._in_strips(0, x, rgb, modulations, maps, rest, keep_at, kept)
        pictures = rgb.new_empty(len(w), rgb.shape[1], 4 << blocks, 4 << blocks)
        for j in range(len(w)):
            pictures[j] = self._in_strips(j, x, rgb, modulations, maps, rest)[0]
        return pictures

    def _in_strips(
        self,
        j: int,
        x: Tensor,
        rgb: Tensor,
        modulations: Sequence[Modulation],
        maps: Sequence[Tensor | None],
        blocks: range,
        keep_at: Sequence[int] = (),
        kept: KeptFeatures | None = None,
    ) -> Tensor:
        """The j-th picture's RGB after these blocks, [1, 3, side, side]."""
        x, rgb = x[j : j + 1], rgb[j : j + 1]
        of_one = [(s[j : j + 1], None if d is None else d[j : j + 1]) for s, d in modulations]
        noises = [None if noise is None else noise[j % len(noise) :][:1] for noise in maps]
        together = []
        for i in blocks:
            together.append((self._block(i), of_one[2 + 3 * i : 5 + 3 * i], noises[2 * i + 1 : 2 * i + 3]))
            keep, last = 8 << i in keep_at, i + 1 == blocks.stop
            if 8 << i >= TOGETHER_FROM and not keep and not last:
                continue
            x, rgb = draw_blocks(together, x, rgb, self.strip_rows, keep or not last)
            together.clear()
            if kept and keep:
                kept.keep(i, x, rgb)
        return rgb

    def _replay(
        self, w: Tensor, noise: str | Sequence[Tensor], maps: Sequence[Tensor | None], table: StyleTable, blocks: int
    ) -> Tensor:
        """_draw on a GPU, as one CUDA graph for each batch size and resolution."""
        fixed = isinstance(noise, str) and noise != "random"
        given = [] if fixed else [each for each in maps if each is not None]

        def draw(w: Tensor, *noises: Tensor) -> Tensor:
            return self._draw(w, noises or maps, table, blocks)

        precisions = tuple(layer.conv.dtype for layer in self.convs)  # pyright: ignore[reportAttributeAccessIssue]
        key = (table, blocks, precisions, noise if fixed else "given")
        return self._graphs.run(key, draw, [w, *given])

    def _block(self, i: int) -> tuple[StyledConv, StyledConv, ToRGB]:
        """The layers that double the resolution to 8·2^i px."""
        return self.convs[2 * i], self.convs[2 * i + 1], self.to_rgbs[i]  # pyright: ignore[reportReturnType]

    def _style_table(self) -> StyleTable:
        """Kept between calls while no weight changes; made anew where gradients have to reach the weights."""
        weights = [*self.parameters(), *self.buffers()]
        if torch.is_grad_enabled() and any(weight.requires_grad for weight in weights):
            return self._new_table()
        state, kept = _state(weights), self._kept_table
        if kept is not None and kept[1] == state:
            return kept[2]
        self.refresh()
        with torch.inference_mode(False), torch.no_grad():
            table = self._new_table()
        # With the weights: while they are there, no others come to stand at their addresses.
        self._kept_table = weights, state, table
        return table

    def _new_table(self) -> StyleTable:
        convolutions = [(self.conv1.conv, 0), (self.to_rgb1.conv, 1)]
        for i in range(len(self.to_rgbs)):
            convolutions += [(layer.conv, 2 * i + j) for j, layer in enumerate(self._block(i), start=1)]
        return style_table(convolutions)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Generator:
        self.refresh()  # Addresses may come back with other numbers.
        return super()._apply(fn, recurse)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        self.refresh()
        return super().load_state_dict(*arguments, **options)

    def refresh(self) -> None:
        """Forget what follows from the weights. Needed only after a change that PyTorch does not count: through .data,
        or of weights that were made in inference mode."""
        self._kept_table = None
        self._graphs.clear()

    def _check_noise(self, noise: str | Sequence[Tensor], batch: int) -> None:
        count = self.num_layers - 1
        if isinstance(noise, str) or not isinstance(noise, Sequence):
            if noise not in NOISE_MODES:
                raise InputError(f"Noise is one of {', '.join(NOISE_MODES)}, not '{str(noise)[:80]}'.")
            return
        if len(noise) != count:
            raise InputError(f"The generator takes {count} noise maps, but was given {len(noise)}.")
        for i, (given, shape) in enumerate(zip(noise, map(self.noise_shape, range(count)), strict=True)):
            if given.ndim != 4 or given.shape[1:] != (1, *shape) or len(given) not in (1, batch):
                raise InputError(
                    f"Noise map {i} has the shape [{batch} or 1, 1, {shape[0]}, {shape[1]}], but was given as "
                    f"{list(given.shape)}."
                )
            require_finite(given, f"The values of noise map {i}", "picture", "channel", "row", "column")

    def _noise(self, noise: str | Sequence[Tensor], seed: int, piece: slice) -> Sequence[Tensor | None]:
        """The maps of these pictures of a batch, [their count or 1, 1, h, w] each."""
        if not isinstance(noise, str):
            return [(given if len(given) == 1 else given[piece]).to(self.latent_avg) for given in noise]
        shapes = [self.noise_shape(i) for i in range(self.num_layers - 1)]
        if noise == "const":
            return [getattr(self.noises, f"noise_{i}") for i in range(len(shapes))]
        if noise == "none":
            return [None] * len(shapes)
        # Drawn on the CPU: the same seed gives the same picture on every device.
        streams = [torch.Generator("cpu").manual_seed((seed + i) % 2**64) for i in range(piece.start, piece.stop)]
        return [
            torch.stack([_normal(1, *shape, stream=stream) for stream in streams]).to(self.latent_avg)
            for shape in shapes
        ]
