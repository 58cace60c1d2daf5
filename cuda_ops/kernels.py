"""The operators by the kernels of kernels.cu: which kernel, its arguments, and how many threads."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from .driver import Driver, Sizes
from .plain import may_overwrite
from .style_table import StyleTable

DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
PACK_BYTES = 16
THREADS = 256
STYLE_THREADS = 1024
LARGEST_VECTOR = 2048  # What the styles' kernel holds of w, of a style and of a demodulation.
LARGEST_COUNT = 2**31 - 1
LARGEST_GRID = 65535  # in y and z
MOST_ROWS = 8  # that one thread goes down
ENOUGH_BLOCKS = 1024  # to keep the largest GPUs busy

NAMES = [
    *(
        f"{name}_{dtype}{pack}"
        for name in ("epilogue", "fir_epilogue")
        for dtype in DTYPES.values()
        for pack in ("", "_pack")
    ),
    *(f"rgb_skip_{dtype}" for dtype in DTYPES.values()),
    "styles_float32",
]


class LayerArguments(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("out", "x", "bias", "demodulation", "noise", "strength", "style")),
        *((f"x_{axis}", ctypes.c_longlong) for axis in ("batch", "channel", "row", "column")),
        *((f"out_{axis}", ctypes.c_longlong) for axis in ("batch", "channel", "row", "column")),
        *((f"noise_{axis}", ctypes.c_longlong) for axis in ("batch", "row", "column")),
        *((name, ctypes.c_int) for name in ("channels", "height", "width", "rows", "wide")),
        ("clamp", ctypes.c_float),
    ]


class RgbArguments(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("out", "rgb", "bias", "skip")),
        *((f"rgb_{axis}", ctypes.c_longlong) for axis in ("batch", "channel", "row", "column")),
        *((f"out_{axis}", ctypes.c_longlong) for axis in ("batch", "channel", "row", "column")),
        *((f"skip_{axis}", ctypes.c_longlong) for axis in ("batch", "channel", "row", "column")),
        *((name, ctypes.c_int) for name in ("channels", "height", "width", "rows", "wide")),
        ("clamp", ctypes.c_float),
    ]


class StyleArguments(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("out", "w", "affine", "bias", "energy", "layout", "gains")),
        ("demodulations", ctypes.c_longlong),
        *((name, ctypes.c_int) for name in ("batch", "layers", "latent")),
    ]


class Kernels:
    """The operators on one device. They return None for tensors that they do not take, and raise KernelError."""

    def __init__(self, driver: Driver, image: bytes) -> None:
        self._driver = driver
        module = driver.load(image)
        self._functions = {name: driver.function(module, name) for name in NAMES}

    def epilogue(
        self,
        x: Tensor,
        bias: Tensor,
        demodulation: Tensor | None = None,
        noise: Tensor | None = None,
        strength: Tensor | None = None,
        clamp: float | None = None,
        style: Tensor | None = None,
    ) -> Tensor | None:
        if not _is_picture(x):
            return None
        out = x if may_overwrite(x) else torch.empty_like(x)
        return self._layer("epilogue", out, x, bias, demodulation, noise, strength, clamp, style)

    def fir_epilogue(
        self,
        x: Tensor,
        bias: Tensor,
        demodulation: Tensor | None = None,
        noise: Tensor | None = None,
        strength: Tensor | None = None,
        clamp: float | None = None,
        style: Tensor | None = None,
    ) -> Tensor | None:
        if not _is_picture(x) or min(x.shape[2:]) < 2:
            return None
        batch, channels, height, width = x.shape
        layout = torch.contiguous_format if x.is_contiguous() else torch.channels_last
        size = (batch, channels, height - 1, width - 1)
        out = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout)
        return self._layer("fir_epilogue", out, x, bias, demodulation, noise, strength, clamp, style)

    def rgb_skip(
        self, rgb: Tensor, bias: Tensor, skip: Tensor | None = None, clamp: float | None = None
    ) -> Tensor | None:
        if not _is_picture(rgb):
            return None
        batch, channels, height, width = rgb.shape
        half = (batch, channels, height // 2, width // 2)
        if skip is not None and (skip.shape != half or skip.dtype != rgb.dtype or height % 2 or width % 2):
            return None
        parameters = _parameters(rgb, [(bias, [(channels,)]), (skip, [half])])
        size = _size(channels * width, height, batch)
        if parameters is None or size is None:
            return None
        (bias_, skip_), wide = parameters
        grid, rows = size
        out = rgb if may_overwrite(rgb) else torch.empty_like(rgb)
        arguments = RgbArguments(
            out.data_ptr(),
            rgb.data_ptr(),
            *_pointers(bias_, skip_),
            *rgb.stride(),
            *out.stride(),
            *((0, 0, 0, 0) if skip_ is None else skip_.stride()),
            channels,
            height,
            width,
            rows,
            wide,
            float("inf") if clamp is None else clamp,
        )
        self._launch(f"rgb_skip_{DTYPES[rgb.dtype]}", grid, THREADS, arguments)
        return out

    def styles(self, w: Tensor, table: StyleTable) -> list[tuple[Tensor, Tensor | None]] | None:
        fits = w.ndim == 3 and w.device == table.affine.device and table.affine.dtype == torch.float32
        fits = fits and 0 < len(w) <= LARGEST_GRID
        if not fits or w.shape[1] <= table.last_layer or w.shape[2] != table.latent or table.widest > LARGEST_VECTOR:
            return None
        w = w.float().contiguous()
        batch, layers, latent = w.shape
        sizes = [batch * shape.inputs for shape in table.shapes]
        demodulations = sum(shape.inputs for shape in table.shapes)
        sizes += [batch * shape.outputs for shape in table.shapes if shape.demodulate]
        out = torch.empty(sum(sizes), dtype=torch.float32, device=w.device)
        arguments = StyleArguments(
            *_pointers(out, w, table.affine, table.bias, table.energy, table.layout, table.gains),
            demodulations,
            batch,
            layers,
            latent,
        )
        self._launch("styles_float32", (len(table.shapes), batch, 1), STYLE_THREADS, arguments)
        parts = [part.view(batch, -1) for part in out.split(sizes)]
        rest = iter(parts[len(table.shapes) :])
        return [
            (style, next(rest) if shape.demodulate else None) for style, shape in zip(parts, table.shapes, strict=False)
        ]

    def _layer(
        self,
        name: str,
        out: Tensor,
        x: Tensor,
        bias: Tensor,
        demodulation: Tensor | None,
        noise: Tensor | None,
        strength: Tensor | None,
        clamp: float | None,
        style: Tensor | None,
    ) -> Tensor | None:
        batch, channels, height, width = out.shape
        each = [(batch, channels)]
        maps = [(batch, 1, height, width), (1, 1, height, width)]
        parameters = _parameters(
            x, [(bias, [(channels,)]), (demodulation, each), (noise, maps), (strength, [(1,), ()]), (style, each)]
        )
        pack = PACK_BYTES // x.element_size()
        if not all(_takes_packs(tensor, pack) for tensor in (x, out)):
            pack = 1
        size = _size(channels // pack * width, height, batch)
        if parameters is None or size is None:
            return None
        tensors, wide = parameters
        grid, rows = size
        strides = (0, 0, 0)
        if (map_ := tensors[2]) is not None:
            strides = (map_.stride(0) if len(map_) > 1 else 0, map_.stride(2), map_.stride(3))
        arguments = LayerArguments(
            *_pointers(out, x, *tensors),
            *x.stride(),
            *out.stride(),
            *strides,
            channels,
            height,
            width,
            rows,
            wide,
            float("inf") if clamp is None else clamp,
        )
        self._launch(f"{name}_{DTYPES[x.dtype]}{'_pack' if pack > 1 else ''}", grid, THREADS, arguments)
        return out

    def _launch(self, name: str, grid: Sizes, threads: int, arguments: ctypes.Structure) -> None:
        self._driver.launch(self._functions[name], grid, (threads, 1, 1), arguments, self._driver.stream())


def _is_picture(x: Tensor) -> bool:
    return x.dtype in DTYPES and x.ndim == 4 and 0 < x.numel() <= LARGEST_COUNT


def _takes_packs(x: Tensor, pack: int) -> bool:
    """Whether channels lie side by side and can be read `pack` at once."""
    batch, channel, row, column = x.stride()
    steps = (x.shape[1], batch, row, column)
    return channel == 1 and x.data_ptr() % PACK_BYTES == 0 and all(step % pack == 0 for step in steps)


def _size(columns: int, height: int, batch: int) -> tuple[Sizes, int] | None:
    """The grid for `columns` threads a row, and how many rows each goes down; None for more than a grid holds."""
    blocks = -(-columns // THREADS)
    rows = max(1, min(MOST_ROWS, blocks * height * batch // ENOUGH_BLOCKS))
    grid = (blocks, -(-height // rows), batch)
    return None if max(grid[1:]) > LARGEST_GRID else (grid, rows)


def _parameters(
    x: Tensor, given: Sequence[tuple[Tensor | None, Sequence[tuple[int, ...]]]]
) -> tuple[list[Tensor | None], int] | None:
    """Tensors as kernels read them, and a bit for each that is float32; None if a device or shape is unexpected."""
    ready: list[Tensor | None] = []
    wide = 0
    for bit, (tensor, shapes) in enumerate(given):
        if tensor is not None:
            if tensor.device != x.device or tensor.shape not in shapes:
                return None
            if tensor.dtype not in (torch.float32, x.dtype):
                tensor = tensor.float()
            if tensor.ndim < 4:  # Pictures and noise are read by their strides.
                tensor = tensor.contiguous()
            wide |= (tensor.dtype == torch.float32) << bit
        ready.append(tensor)
    return ready, wide


def _pointers(*tensors: Tensor | None) -> list[int | None]:
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]
