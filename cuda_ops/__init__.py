"""StyleGAN2's special operators: CUDA kernels compiled at first use, and plain PyTorch wherever those cannot run."""

from __future__ import annotations

from .operators import epilogue, fir_epilogue, rgb_skip, status, styles
from .plain import fused_leaky_relu, upfirdn2d
from .style_table import StyleTable

__all__ = [
    "StyleTable",
    "epilogue",
    "fir_epilogue",
    "fused_leaky_relu",
    "rgb_skip",
    "status",
    "styles",
    "upfirdn2d",
]
