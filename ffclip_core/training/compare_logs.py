"""How far the losses of two runs of a stage are apart, as a table in Markdown and a plot:

python -m ffclip.ffclip_core.training.compare_logs LOG OTHER [--names one,two] [--plot PNG]

Of OUT/training/STAGE/log.csv of runs with as many steps, such as by one process and by two (workers in the settings).
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--names", default="first,second", help="of the two runs, with a comma between")
    parser.add_argument("--plot", type=Path, help="a PNG of both runs' losses, step by step")
    options = parser.parse_args()
    try:
        first, second = (_losses(path) for path in (options.log, options.other))
    except (OSError, KeyError, ValueError) as error:
        parser.error(f"that is no log.csv of a stage: {error}")
    steps = [{name: list(values) for name, values in losses.items()} for losses in (first, second)]
    if steps[0] != steps[1] or not first:
        parser.error(f"{options.log} and {options.other} have not the same losses of the same steps")
    names = options.names.split(",")
    if len(names) != 2:
        parser.error(f"--names is two names with a comma between, not {options.names!r}")
    sys.stdout.write("| loss | farthest apart, of its value | steps |\n|---|---|---|\n")
    for name, values in first.items():
        apart = max(abs(value - second[name][step]) / max(abs(value), 1e-12) for step, value in values.items())
        sys.stdout.write(f"| {name} | {apart:.1e} | {max(values)} |\n")
    if options.plot:
        _plot(first, second, names, options.plot)


def _losses(path: Path) -> dict[str, dict[int, float]]:
    """By name and step."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name != "step"]
    return {name: {int(row["step"]): float(row[name]) for row in rows if row[name]} for name in names}


def _plot(first: dict[str, dict[int, float]], second: dict[str, dict[int, float]], names: list[str], png: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(first), 3), layout="constrained")
    FigureCanvasAgg(figure)
    for i, name in enumerate(first):
        axes = figure.add_subplot(1, len(first), i + 1)
        for values, of, line in zip((first, second), names, ("-", "--"), strict=True):
            axes.plot(
                list(values[name]), list(values[name].values()), line, label=of, linewidth=2 if line == "-" else 1
            )
        axes.set(title=name, xlabel="step", yscale="log")
        axes.legend()
    figure.savefig(png, dpi=100)


if __name__ == "__main__":
    main()
