"""The results as a table, a JSON and a plot."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from . import networks

FLOP = 151e9
"""Multiplications and additions of all convolutions for one picture of 1024 px."""
COLOURS = {"peer": "#9aa0a6", "float32": "#1a73e8", "bfloat16": "#188038", "float16": "#c26401"}


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write <machine>.md, .json and .png into the folder, over earlier ones of the same machine; their paths."""
    machine = results["machine"]
    name = f"{machine['gpu'] or machine['processor']} {machine['threads']} threads"
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}{ending}" for ending in (".md", ".json", ".png")]
    paths[0].write_text(_table(results, paths[2].name), encoding="utf-8")
    paths[1].write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    _plot(results).save(paths[2])
    return paths


def _table(results: dict[str, Any], plot: str) -> str:
    machine, limit = results["machine"], _row(results, 1)["limit"]
    lines = [
        f"# {machine['gpu'] or machine['processor']}",
        "",
        f"{machine['processor']}, {machine['threads']} threads, {machine['instructions']}; {machine['system']}, Python "
        f"{machine['python']}, torch {machine['torch']}. Operators: {results['operators']}. "
        "Written by `python run.py bench`" + (" --quick." if results["quick"] else "."),
        "",
        "*peer* is the same network in its plain published form (ffclip_core/benchmark/peer.py), float32. Cases take "
        "turns; each figure is the least of its rounds. Weights are random, sizes the published ones. *difference* is "
        "the largest one of float32 to the peer, as a part of the largest value; PSNR is of pictures in [-1, 1].",
        "",
        f"![seconds at 1024 px]({plot})",
        "",
        "## Synthesis",
        "",
        *_synthesis(results),
        "",
        "The convolution limit: nothing but 3×3 convolutions, of the width and size that are fastest here, taking "
        "turns with the pictures, reach "
        + ", ".join(f"{flops / 1e9:.0f} GFLOP/s in {name}" for name, flops in limit.items())
        + f". {_share(results)}",
        "",
        "## Targets",
        "",
        *_targets(results),
        "",
        "## Partial work, 1024 px, float32",
        "",
        *_seconds(results["partial"], results["partial"]["whole"], "of the whole picture's time"),
        "",
        "## e4e, one picture",
        "",
        *_ratios(results["encoder"]["seconds"]),
        "",
        f"Largest difference to the peer's codes {results['encoder']['difference']:.1e} of the largest value"
        + "".join(f"; relative error in {n} {e:.1e}" for n, e in results["encoder"]["error"].items())
        + ".",
        "",
        *_beside(results.get("beside", [])),
        "## The other steps, sizes of faces, float32",
        "",
        *_seconds(results["others"]),
        "",
        "## Many prompts on one picture, 1024 px, drawn as a stream",
        "",
        "| prompts | memory at the peak |",
        "|---|---|",
        *(f"| {count} | {_bytes(size)} |" for count, size in results["many prompts"].items()),
        "",
        "## Loading encoder, generator and modulation blocks of faces' size",
        "",
        "| files | seconds | memory at the peak |",
        "|---|---|---|",
        *(
            f"| {name} | {seconds:.2f} | {_bytes(results['loading']['memory'].get(name))} |"
            for name, seconds in results["loading"]["seconds"].items()
        ),
        "",
        "Files in the system's cache. *The ordinary way* is torch.load of the whole file and load_state_dict into "
        "networks with fresh weights. Importing ffclip_core takes "
        f"{results['importing']['seconds beyond torch']:.2f} s beyond torch's own.",
        "",
    ]
    return "\n".join(lines)


def _synthesis(results: dict[str, Any]) -> list[str]:
    names = [name for name in results["synthesis"][0]["seconds"] if name != "peer"]
    head = ["px", "batch", "peer"] + [f"{name} | × peer | memory" for name in names] + ["difference", "PSNR"]
    lines = ["| " + " | ".join(head) + " |", "|---" * (3 + 3 * len(names) + 2) + "|"]
    for row in results["synthesis"]:
        seconds, memory = row["seconds"], row["memory"]
        cells = [str(row["size"]), str(row["batch"]), f"{seconds['peer']:.2f} s, {_bytes(memory['peer'])}"]
        for name in names:
            cells += [f"{seconds[name]:.3f} s", f"{seconds['peer'] / seconds[name]:.1f}", _bytes(memory[name])]
        cells += [
            f"{row['difference']:.0e}",
            ", ".join(f"{name} {value:.1f} dB" for name, value in row["psnr"].items()),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _beside(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = [
        "## Beside other programs",
        "",
        "Least, middle and most seconds of one picture while so many other programs never pause. *× quiet*: the middle "
        "one beside that without other programs; *× peer*: beside the peer's in the same conditions.",
        "",
        "| | other programs | | seconds | × quiet | × peer |",
        "|---|---|---|---|---|---|",
    ]
    quiet = {row["what"]: row["seconds"] for row in rows if not row["programs"]}
    for row in rows:
        for name, seconds in row["seconds"].items():
            least, middle, most = seconds
            ratios = middle / quiet[row["what"]][name][1], row["seconds"]["peer"][1] / middle
            lines.append(
                f"| {row['what']} | {row['programs']} | {name} | {least:.2f}, {middle:.2f}, {most:.2f} "
                f"| {ratios[0]:.1f} | {ratios[1]:.1f} |"
            )
    return [*lines, ""]


def _share(results: dict[str, Any]) -> str:
    row = _row(results, 1)
    seconds = row["seconds"]
    shares = [
        f"{FLOP / limit * 1e3:.3g} ms in {name}, of which synthesis takes {seconds[name] * 1e3:.3g} ms "
        f"({FLOP / seconds[name] / limit:.0%})"
        for name, limit in row["limit"].items()
    ]
    return f"One picture of 1024 px is 151 GFLOP; at that rate it is {'; '.join(shares)}."


def _row(results: dict[str, Any], batch: int) -> dict[str, Any]:
    return next(row for row in results["synthesis"] if row["size"] == networks.SIZE and row["batch"] == batch)


def _targets(results: dict[str, Any]) -> list[str]:
    """What this pack wants to reach, and whether it does."""
    one, four = _row(results, 1), _row(results, 4)
    speed = {name: one["seconds"]["peer"] / seconds for name, seconds in one["seconds"].items()}
    targets: list[tuple[str, str, float | None, float, bool]] = []  # what, how it is written, found, wanted, at least
    if results["machine"]["gpu"]:
        targets.append(("1024 px, float16, one picture, × peer", "{:.1f}", speed["float16"], 3, True))
    else:
        encoder, memory = results["encoder"]["seconds"], one["memory"]["float32"]
        share = FLOP / one["seconds"]["float32"] / one["limit"]["float32"]
        targets += [
            ("1024 px, float32, one picture, × peer", "{:.1f}", speed["float32"], 5, True),
            ("four pictures", "{:.1f}", four["seconds"]["peer"] / four["seconds"]["float32"], 5.5, True),
            ("share of the convolution limit", "{:.0%}", share, 0.65, True),
            ("memory, one picture, MB", "{:.0f}", None if memory is None else memory / 1e6, 200, False),
            ("e4e, float32, × peer", "{:.2f}", encoder["peer"] / encoder["float32"], 1.25, True),
        ]
        if "bfloat16" in speed:
            targets += [
                ("1024 px, bfloat16, one picture, × peer", "{:.1f}", speed["bfloat16"], 10, True),
                ("difference to float32, PSNR, dB", "{:.0f}", one["psnr"]["bfloat16"], 50, True),
                ("e4e, bfloat16, × peer", "{:.2f}", encoder["peer"] / encoder["bfloat16"], 2, True),
            ]
    lines = ["| | wanted | found | |", "|---|---|---|---|"]
    for what, how, found, wanted, at_least in targets:
        if found is not None:
            reached = found >= wanted if at_least else found <= wanted
            sign, verdict = "≥" if at_least else "≤", "reached" if reached else "missed"
            lines.append(f"| {what} | {sign} {how.format(wanted)} | {how.format(found)} | {verdict} |")
    return lines


def _ratios(seconds: dict[str, float]) -> list[str]:
    return [
        "| | seconds | × peer |",
        "|---|---|---|",
        *(f"| {name} | {value:.3f} | {seconds['peer'] / value:.2f} |" for name, value in seconds.items()),
    ]


def _seconds(found: dict[str, float], whole: float | None = None, of_what: str = "") -> list[str]:
    last = f" | {of_what}" if whole else ""
    lines = [f"| | seconds{last} |", "|---|---|" + ("---|" if whole else "")]
    return lines + [
        f"| {name} | {value:.3f}" + (f" | {value / whole:.0%}" if whole else "") + " |" for name, value in found.items()
    ]


def _bytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e6:.0f} MB"


def _plot(results: dict[str, Any]) -> Image.Image:
    """Bars: seconds a picture at each size and batch."""
    rows = results["synthesis"]
    names = list(rows[0]["seconds"])
    bar, gap, left, width = 18, 26, 150, 900
    height = 60 + len(rows) * (len(names) * bar + gap)
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(13)
    draw.text((12, 12), "seconds per picture, by size and batch (logarithmic)", fill="black", font=font)
    values = [row["seconds"][name] / row["batch"] for row in rows for name in names]
    low, high = min(values) / 1.5, max(values)
    y = 44
    for row in rows:
        draw.text(
            (12, y + len(names) * bar / 2 - 8), f"{row['size']} px, batch {row['batch']}", fill="black", font=font
        )
        for name in names:
            value = row["seconds"][name] / row["batch"]
            length = _log_share(value, low, high) * (width - left - 190)
            draw.rectangle((left, y, left + length, y + bar - 4), fill=COLOURS.get(name, "#5f6368"))
            draw.text((left + length + 8, y - 1), f"{value:.3f} s  {name}", fill="black", font=font)
            y += bar
        y += gap
    return picture


def _log_share(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low)
