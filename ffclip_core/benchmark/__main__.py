"""What FFCLIP takes on this machine, beside the same networks in their plain published form:

    python run.py bench            all of it: about a quarter of an hour on two cores
    python run.py bench --quick    small batches only

Networks are of the published sizes, their weights random. The report is a table, a JSON and a plot.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...cuda_ops import status
from .. import Editor, load_encoder, load_generator, load_modulator, load_text_encoder, save_part
from ..execution.encoder import FastEncoder
from ..execution.generator import FastGenerator
from ..execution.kept_features import KeptFeatures
from ..execution.precision import has_bfloat16
from ..networks.modulation import Modulator
from ..networks.text_encoder import TextEncoder
from . import measure, peer, report

CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
PROMPTS = ["Purple hair", "Bald", "Man aged 80", "Surprise"]
RMS = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--quick", action="store_true", help="1024 px at batch 1 and 4 only, fewer rounds")
    devices = ["cuda"] * torch.cuda.is_available() + ["cpu"]
    parser.add_argument("--device", choices=devices, default=devices[0])
    options = parser.parse_args()
    device = torch.device(options.device)
    with torch.inference_mode():
        results = {"machine": measure.machine(device), "operators": status(device), "quick": options.quick}
        start = time.perf_counter()
        for name, part in _parts(device, options.quick):
            results[name] = part
            print(f"{name}: {part} ({time.perf_counter() - start:.0f} s)", flush=True)  # noqa: T201
            start = time.perf_counter()
    for path in report.write(results, options.out):
        print(path)  # noqa: T201
    return 0


def _parts(device: torch.device, quick: bool) -> Iterator[tuple[str, Any]]:
    """The measurements one after the other; what one needs is gone before the next."""
    budget = 10.0 if quick else 30.0
    lower = _lower(device)
    yield "synthesis", list(_synthesis(device, lower, budget, quick))
    yield "partial", _partial(device, budget)
    yield "encoder", _encoder(device, lower, budget)
    yield "others", _others(device, budget)
    yield "many prompts", _many_prompts(device, quick)
    yield "loading", _loading()
    yield "importing", _importing()


def _lower(device: torch.device) -> list[torch.dtype]:
    """The number formats besides float32 that are worth it."""
    return [torch.float16] * (device.type == "cuda") + [torch.bfloat16] * has_bfloat16(device)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _generator(size: int) -> FastGenerator:
    """Random weights, as spread as those of trained networks, for pictures as spread as real ones in [-1, 1]."""
    torch.manual_seed(0)
    spreads = {"modulation.weight": 0.6, "noise.weight": 0.05, "activate.bias": 0.2, "modulation.bias": 0.1}
    with torch.inference_mode(False), torch.no_grad():
        generator = FastGenerator(size, {side: count for side, count in CHANNELS.items() if side <= size})
        for key, value in generator.state_dict().items():
            for ending, spread in spreads.items():
                if key.endswith(ending):
                    value.normal_(std=spread).add_(ending == "modulation.bias")
            if key.startswith("noises."):
                value.normal_()
        rms = generator(_codes(generator, 4)).square().mean().sqrt()
        for layer in (generator.to_rgb1, *generator.to_rgbs):
            layer.conv.weight.mul_(RMS / rms)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    return generator.eval().requires_grad_(False)


def _codes(generator: FastGenerator, batch: int) -> Tensor:
    shape = (batch, generator.num_layers, generator.latent_dim)
    return 0.55 * torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(generator.latent_avg.device)


def _synthesis(device: torch.device, lower: list[torch.dtype], budget: float, quick: bool) -> Iterator[dict[str, Any]]:
    for size in (1024,) if quick else (256, 512, 1024):
        generator = _generator(size).to(device)
        others = {}
        for dtype in lower:
            others[dtype] = FastGenerator(size, generator.channels).eval().requires_grad_(False).to(device)
            others[dtype].load_state_dict(generator.state_dict())
            others[dtype].set_precision(dtype)
        for batch in (1, 4) if quick else (1, 4, 8):
            w = _codes(generator, batch)
            networks = {"float32": generator, **{_name(dtype): network for dtype, network in others.items()}}
            cases: dict[str, Callable[[], Tensor]] = {"peer": partial(peer.draw, generator, w)}
            cases |= {name: partial(network, w) for name, network in networks.items()}
            expected = cases["float32"]()
            row: dict[str, Any] = {"size": size, "batch": batch, "difference": _largest(expected, cases["peer"]())}
            row["psnr"] = {_name(d): _psnr(cases[_name(d)]().float(), expected) for d in lower}
            # The convolution limit: they take turns with the pictures and last as long, as clocks go down under load.
            limits = {}
            if (size, batch) == (1024, 1):
                limits = {_name(d): measure.plain_convolutions(device, d, report.FLOP) for d in (torch.float32, *lower)}
            both = cases | {f"limit {name}": case for name, (case, _) in limits.items()}
            seconds = measure.interleaved(both, device, budget, warm=False)
            row["limit"] = {name: flop / seconds.pop(f"limit {name}") for name, (_, flop) in limits.items()}
            row["seconds"] = seconds
            row["memory"] = {}
            for name, case in cases.items():
                if device.type == "cuda" and name in networks:
                    networks[name].refresh()  # A graph's memory counts.
                row["memory"][name] = measure.peak_memory(case, device)
            yield row


def _largest(x: Tensor, peer: Tensor) -> float:
    """The largest difference, as a part of the peer's largest value."""
    return float((x - peer).abs().max() / peer.abs().max())


def _psnr(x: Tensor, y: Tensor) -> float:
    """dB, for pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / (x - y).square().mean()))


def _partial(device: torch.device, budget: float) -> dict[str, float]:
    """Previews, and edits of late layers alone, at 1024 px."""
    generator = _generator(1024).to(device)
    w, kept = _codes(generator, 1).clone(), KeptFeatures()

    def late(layer: int) -> None:
        w[:, layer:] += 0.01
        generator(w, kept=kept)

    def whole_after_half() -> None:
        generator(w, kept=kept)

    cases = {
        "whole": lambda: generator(w),
        "half": lambda: generator(w, resolution=512),
        "quarter": lambda: generator(w, resolution=256),
    }
    if device.type == "cpu":
        cases |= {"from layer 12": lambda: late(12), "from layer 16": lambda: late(16)}
        generator(w, kept=kept)
        found = measure.interleaved(cases, device, budget)
        generator(w + 1, resolution=512, kept=kept)
        w += 1
        return found | measure.interleaved({"whole after half": whole_after_half}, device, 0, warm=False)
    return measure.interleaved(cases, device, budget)


def _encoder(device: torch.device, lower: list[torch.dtype], budget: float) -> dict[str, Any]:
    torch.manual_seed(0)
    plain = FastEncoder().eval().to(device)  # Weights that require gradients are never packed.
    ours = FastEncoder().eval().requires_grad_(False)
    ours.load_state_dict(plain.state_dict())
    ours = ours.to(device).to(memory_format=torch.channels_last)  # As it is loaded from a file.
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1)).to(device) * 2 - 1
    expected = peer.encode(plain, x)
    result: dict[str, Any] = {"difference": _largest(ours(x), expected), "seconds": {}, "error": {}}
    cases: dict[str, Callable[[], Tensor]] = {"peer": lambda: peer.encode(plain, x), "float32": lambda: ours(x)}
    for dtype in [d for d in lower if d == torch.bfloat16]:
        half = FastEncoder().eval().requires_grad_(False)
        half.load_state_dict(plain.state_dict())
        half = half.to(device, dtype).to(memory_format=torch.channels_last)
        cases[_name(dtype)] = lambda half=half, dtype=dtype: half(x.to(dtype))
        result["error"][_name(dtype)] = float((half(x.to(dtype)).float() - expected).norm() / expected.norm())
    result["seconds"] = measure.interleaved(cases, device, budget)
    return result


def _others(device: torch.device, budget: float) -> dict[str, float]:
    """Text, modulation, and a whole edit of faces' size."""
    torch.manual_seed(0)
    generator = _generator(1024).to(device)
    encoder = FastEncoder().eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    modulator = Modulator().eval().requires_grad_(False)
    modulator = modulator.to(device)
    text = TextEncoder().eval().requires_grad_(False).to(device)
    editor = Editor(generator, encoder, modulator, text)
    picture = torch.rand(1, 256, 256, 3, generator=torch.Generator().manual_seed(1))
    w, e = editor.invert(picture), text.encode(PROMPTS)
    cases = {
        "one prompt": lambda: text.encode(PROMPTS[:1]),
        "four prompts": lambda: text.encode(PROMPTS),
        "modulation, one edit": lambda: modulator(w, e[:1]),
        "modulation, four edits": lambda: modulator(w.expand(4, -1, -1), e),
        "inversion": lambda: editor.invert(picture),
        "picture and prompt to edited picture": lambda: editor.edit(editor.invert(picture), PROMPTS[:1]),
        "a new strength": lambda: editor.synthesize(w + 0.5 * modulator(w, e[:1])),
    }
    return measure.interleaved(cases, device, budget)


def _many_prompts(device: torch.device, quick: bool) -> dict[str, int | None]:
    """Bytes at the peak while so many prompts on one picture are drawn, one chunk after the other, at 1024 px."""
    torch.manual_seed(0)
    generator = _generator(1024).to(device)
    modulator = Modulator().eval().requires_grad_(False).to(device)
    text = TextEncoder().eval().requires_grad_(False).to(device)
    encoder = FastEncoder(blocks=(1, 1, 1, 1)).eval().requires_grad_(False).to(device)
    editor = Editor(generator, encoder, modulator, text)
    w = _codes(generator, 1)

    def draw(count: int) -> None:
        for _ in editor.stream(w, [f"prompt number {i}" for i in range(count)]):
            pass

    draw(4)
    counts = (4, 8, 16) if quick else (4, 16, 64)
    return {str(count): measure.peak_memory(lambda count=count: draw(count), device) for count in counts}


def _loading() -> dict[str, Any]:
    """Seconds from files that the system has in its cache to networks: as published (the layout of e4e and FFCLIP),
    converted, and in the ordinary way, which unpickles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(0)
        encoder, generator, modulator = FastEncoder().eval(), _generator(1024), Modulator().eval()
        state = {f"encoder.{key}": value for key, value in encoder.state_dict().items() if key != "latent_avg"}
        state |= {f"decoder.{key}": value for key, value in generator.state_dict().items() if key != "latent_avg"}
        torch.save({"state_dict": state, "latent_avg": encoder.latent_avg, "opts": {}}, folder / "e4e.pt")
        state = {f"module.{key}": value for key, value in modulator.state_dict().items()}
        torch.save({"state_dict": state}, folder / "ffclip.pt")
        for part, network in (("encoder", encoder), ("generator", generator), ("modulator", modulator)):
            save_part(folder / f"{part}.safetensors", network)

        def published() -> None:
            load_encoder(folder / "e4e.pt")
            load_generator(folder / "e4e.pt")
            load_modulator(folder / "ffclip.pt")

        def converted() -> None:
            load_encoder(folder / "encoder.safetensors")
            load_generator(folder / "generator.safetensors")
            load_modulator(folder / "modulator.safetensors")

        def ordinary() -> None:
            whole = torch.load(folder / "e4e.pt", map_location="cpu", weights_only=True)["state_dict"]
            for part, network in (("encoder", FastEncoder()), ("decoder", FastGenerator(1024, CHANNELS))):
                found = {key.removeprefix(f"{part}."): value for key, value in whole.items() if key.startswith(part)}
                network.load_state_dict(found, strict=False)
            whole = torch.load(folder / "ffclip.pt", map_location="cpu", weights_only=True)["state_dict"]
            Modulator().load_state_dict({key.removeprefix("module."): value for key, value in whole.items()})

        device = torch.device("cpu")
        cases = {"as published": published, "converted to float16": converted, "the ordinary way": ordinary}
        embedded = {"embedded avatars": lambda: Editor.from_folder(), "text encoder, embedded": _embedded_text}
        return {
            "seconds": measure.interleaved({**cases, **embedded}, device, 20),
            "memory": {name: measure.peak_memory(case, device) for name, case in cases.items()},
        }


def _embedded_text() -> None:
    from .. import EMBEDDED

    load_text_encoder(EMBEDDED / "text_encoder.safetensors")


def _importing() -> dict[str, float]:
    """Seconds that importing takes beyond torch itself, in a process of its own."""
    import subprocess  # noqa: S404

    package = __package__.rsplit(".", 1)[0]  # pyright: ignore[reportOptionalMemberAccess]
    code = f"import time, torch; start = time.perf_counter(); import {package}; print(time.perf_counter() - start)"
    runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(min(3, measure.ROUNDS))]  # noqa: S603
    return {"seconds beyond torch": min(runs)}


if __name__ == "__main__":
    sys.exit(main())
