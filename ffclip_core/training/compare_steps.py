"""What a step of each general stage takes on this machine, beside the same in the plain published form, as a table:

python -m ffclip.ffclip_core.training.compare_steps [--size 64] [--steps 20]

Of drawn avatars, by the "quick" settings. Ours: as many processes of one thread as there are cores, the precision that
the command takes. Plain: one process with all threads, float32, pictures in PyTorch's own order, each weight scaled for
each picture and grouped convolutions, filters on their own, the stored noise, texts with their padding
(benchmark/peer.py). Seconds are
the median step's. Limit: what nothing but convolutions of the fastest width reach in our precision, of which a step's
multiplications and additions, forward and backward, take that share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..benchmark import measure, peer
from ..networks.encoder import Encoder
from ..networks.generator import Generator
from ..networks.text_encoder import TextEncoderArchitecture
from .avatars.command import count as number
from .avatars.domain import AVATARS
from .drawings import Drawings
from .loop import Process, launch, workers_for
from .settings import read_settings
from .sources import Data, prepare
from .sources.in_order import cores
from .stages import STAGES, autoencoder, encoder, generator, modulator, text
from .stages.text import repeated_phrases
from .work import Work

COMPARED = ("text", "autoencoder", "generator", "encoder", "modulator")
_PICTURES = 200
_WARM = 3
"""Steps that count for nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, choices=(16, 32, 64, 128, 256))
    parser.add_argument("--steps", type=number, default=20, help="that are timed, of each stage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, device = Path(name), torch.device("cpu")
        data = prepare(Drawings(AVATARS, options.size), folder / "data", options.size, limit=_PICTURES)
        steps = options.steps + _WARM
        batches = [read_settings(preset="quick").stage(name).batch for name in COMPARED]
        workers = workers_for(batches, device)
        launch(timed, data, folder / "ours", steps, False, False, device=device, workers=workers)
        launch(timed, data, folder / "counted", _WARM + 1, False, True, device=device, workers=1)
        launch(timed, data, folder / "plain", steps, True, False, device=device, workers=1)
        ours, counted, plain = (
            json.loads((folder / f"{kind}.json").read_text()) for kind in ("ours", "counted", "plain")
        )
    dtype = torch.bfloat16 if ours["precision"] == "bfloat16" else torch.float32
    with torch.inference_mode():
        convolve, flops = measure.plain_convolutions(device, dtype, 2e10)
        limit = flops / measure.interleaved({"limit": convolve}, device, 5)["limit"]
    say = sys.stdout.write
    say(f"{json.dumps(measure.machine(device))}, {ours['precision']}, limit {limit / 1e9:.0f} GFLOP/s\n\n")
    say("| stage | pictures | ours, pictures per second | plain | times | of the limit |\n|---|---|---|---|---|---|\n")
    for stage in COMPARED:
        batch, mine, other = ours["batch"][stage], ours["seconds"][stage], plain["seconds"][stage]
        share = counted["flops"][stage] / mine / limit
        say(f"| {stage} | {batch} | {batch / mine:.1f} | {batch / other:.1f} | {other / mine:.1f} | {share:.0%} |\n")


def timed(process: Process, data: Data, out: Path, steps: int, plainly: bool, count: bool) -> None:
    """Train every stage for some steps; OUT.json says what they took. plainly: in the published form."""
    if plainly:
        _be_plain()
    stage = {"steps": steps, "save_every": 86_400}
    settings = read_settings(
        preset="quick", precision="float32" if plainly else "auto", **dict.fromkeys(COMPARED, stage)
    )
    work = Work(
        settings=settings, out=out, process=process, data=data, parts={}, minutes={}, texts=repeated_phrases(data)
    )
    found: dict[str, Any] = {"seconds": {}, "flops": {}, "precision": work.precision, "batch": {}}
    for name in COMPARED:
        times: list[float] = []
        counter = FlopCounterMode(display=False)
        work.watch = _counting(counter) if count else _timing(times)
        STAGES[name].train(work)
        found["batch"][name] = settings.stage(name).batch
        found["flops"][name] = counter.get_total_flops()
        if not count:
            each = [after - before for before, after in zip(times[_WARM - 1 :], times[_WARM:], strict=False)]
            found["seconds"][name] = statistics.median(each)
    if process.rank == 0:
        out.with_suffix(".json").write_text(json.dumps(found))


def _timing(times: list[float]) -> Callable[[str, int, int], None]:
    return lambda stage, step, of: times.append(time.perf_counter())


def _counting(counter: FlopCounterMode) -> Callable[[str, int, int], None]:
    """Of the last step: a lazy regularisation has its turn in the first."""

    def watch(stage: str, step: int, of: int) -> None:
        if step == of - 1:
            counter.__enter__()
        elif step == of:
            counter.__exit__(None, None, None)

    return watch


def _contiguous(made: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *given: made(*given).contiguous()


def _be_plain() -> None:
    """For the rest of this process, which is the measurement's own where it matters: see main."""
    torch.set_num_threads(cores())

    def draw(network: Generator, w: Tensor, noise: str = "const", seed: int = 0) -> Tensor:
        return peer.draw(network, w)

    def to(module: nn.Module, *places: Any, memory_format: Any = None, **others: Any) -> nn.Module:
        return moved(module, *places, **others) if places or others else module

    moved, Generator.forward, Encoder.forward = nn.Module.to, draw, peer.encode  # pyright: ignore
    nn.Module.to = to  # pyright: ignore
    stages: tuple[Any, ...] = (autoencoder, encoder, generator, modulator, text)
    for stage in stages:
        stage.to_network = _contiguous(stage.to_network)
    text.roughen, autoencoder.soften = _contiguous(text.roughen), _contiguous(autoencoder.soften)
    text.encode_short = lambda tower, ids: tower(ids)
    text.attention = lambda device: nullcontext()
    text._tokens = lambda data: torch.arange(TextEncoderArchitecture().vocab_size)  # pyright: ignore[reportPrivateUsage]


if __name__ == "__main__":
    main()
