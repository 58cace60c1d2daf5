"""The other steps of an edit, and what is there before the first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import Editor
from . import measure, networks, peer
from .synthesis import largest


def encoder(device: torch.device, lower: list[torch.dtype], budget: float) -> dict[str, Any]:
    """e4e, one picture."""
    plain, ours = networks.encoder().to(device).to(memory_format=torch.contiguous_format), networks.encoder().to(device)
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1)).to(device) * 2 - 1
    expected = peer.encode(plain, x)
    result: dict[str, Any] = {"difference": largest(ours(x), expected), "seconds": {}, "error": {}}
    cases: dict[str, Callable[[], Tensor]] = {"peer": lambda: peer.encode(plain, x), "float32": lambda: ours(x)}
    for dtype in [d for d in lower if d == torch.bfloat16]:
        half = networks.encoder().to(device, dtype)
        cases[networks.name(dtype)] = lambda half=half, dtype=dtype: half(x.to(dtype))
        result["error"][networks.name(dtype)] = float((half(x.to(dtype)).float() - expected).norm() / expected.norm())
    result["seconds"] = measure.interleaved(cases, device, budget)
    return result


def others(device: torch.device, budget: float) -> dict[str, float]:
    """Text, modulation, and a whole edit of faces' size."""
    modulator, text = networks.modulator().to(device), networks.text_encoder().to(device)
    editor = Editor(networks.generator(networks.SIZE).to(device), networks.encoder().to(device), modulator, text)
    picture = torch.rand(1, 256, 256, 3, generator=torch.Generator().manual_seed(1))
    w, e = editor.invert(picture), text.encode(networks.PROMPTS)
    cases = {
        "one prompt": lambda: text.encode(networks.PROMPTS[:1]),
        "four prompts": lambda: text.encode(networks.PROMPTS),
        "modulation, one edit": lambda: modulator(w, e[:1]),
        "modulation, four edits": lambda: modulator(w.expand(4, -1, -1), e),
        "inversion": lambda: editor.invert(picture),
        "picture and prompt to edited picture": lambda: editor.edit(editor.invert(picture), networks.PROMPTS[:1]),
        "a new strength": lambda: editor.synthesize(w + 0.5 * modulator(w, e[:1])),
    }
    return measure.interleaved(cases, device, budget)


def many_prompts(device: torch.device, quick: bool) -> dict[str, int | None]:
    """Bytes at the peak while so many prompts on one picture are drawn, one chunk after the other, at 1024 px."""
    generator, modulator = networks.generator(networks.SIZE).to(device), networks.modulator().to(device)
    editor = Editor(generator, networks.encoder().to(device), modulator, networks.text_encoder().to(device))
    w = networks.codes(generator, 1)

    def draw(count: int) -> None:
        for _ in editor.stream(w, [f"prompt number {i}" for i in range(count)]):
            pass

    draw(4)
    counts = (4, 8, 16) if quick else (4, 16, 64)
    return {str(count): measure.peak_memory(lambda count=count: draw(count), device) for count in counts}


def importing() -> dict[str, float]:
    """Seconds that importing takes beyond torch itself, in a process of its own."""
    import subprocess  # noqa: S404

    package = __package__.rsplit(".", 1)[0]  # pyright: ignore[reportOptionalMemberAccess]
    code = f"import time, torch; start = time.perf_counter(); import {package}; print(time.perf_counter() - start)"
    runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(min(3, measure.ROUNDS))]  # noqa: S603
    return {"seconds beyond torch": min(runs)}
