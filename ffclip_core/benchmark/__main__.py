"""What FFCLIP takes on this machine, beside the same networks in their plain published form:

    python run.py bench            all of it: about a quarter of an hour on two cores
    python run.py bench --quick    small batches only

Networks are of the published sizes, their weights random. The report is a table, a JSON and a plot.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ...cuda_ops import status
from . import beside, loading, measure, networks, report, steps, synthesis


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
    lower = networks.lower(device)
    yield "synthesis", list(synthesis.synthesis(device, lower, budget, quick))
    yield "partial", synthesis.in_part(device, budget)
    yield "encoder", steps.encoder(device, lower, budget)
    if device.type == "cpu":
        yield "beside", beside.beside(lower, quick)
    yield "others", steps.others(device, budget)
    yield "many prompts", steps.many_prompts(device, quick)
    yield "loading", loading.loading()
    yield "importing", steps.importing()


if __name__ == "__main__":
    sys.exit(main())
