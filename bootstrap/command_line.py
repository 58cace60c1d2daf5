"""What can be typed after run.py, and how its end is told. Standard library only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import ROOT, RunError


def parse(arguments: Sequence[str], description: str = "") -> tuple[argparse.Namespace, list[str]]:
    """The options of a command, and what goes on to the training, pytest or the benchmark. Ends the program where they
    make no sense.

    Raises RunError for a path that cannot be what it is meant for: before anything is installed.
    """
    parser = _parser(description)
    options, more = parser.parse_known_args(arguments)
    if more and options.command not in ("train", "test", "bench"):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if options.command == "demo":
        _check_demo(options)
    if options.command in ("demo", "ui"):
        _check_comfyui(options)
    return options, more


def exit_status(work: Callable[[], int]) -> int:
    """What work gives; what stops it is told in one sentence."""
    try:
        return work()
    except (RunError, OSError, ValueError) as failure:
        # What the system or a dying ComfyUI says is a sentence too; a traceback helps nobody here.
        print(f"\n{failure or type(failure).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="run one edit and leave a before/after picture")
    demo.add_argument("--prompt", help="what the picture should show (default: the workflow's)")
    demo.add_argument("--image", type=Path, help="your own picture (default: a sample)")
    demo.add_argument("--strength", type=float, help="0 changes nothing, 1 is the method as published")
    demo.add_argument("--output", type=Path, default=Path("ffclip-demo.png"), help="the PNG to write")
    ui = commands.add_parser("ui", help="open ComfyUI with the workflow loaded")
    ui.add_argument("--no-browser", action="store_true", help="only print the address")
    # Its own options are those of the training's command line, --help among them.
    train = commands.add_parser("train", help="train a family on your own pictures", add_help=False)
    test = commands.add_parser("test", help="run all checks; further arguments go to pytest")
    test.add_argument("--fast", action="store_true", help="leave out the tests that take long (those marked slow)")
    bench = commands.add_parser("bench", help="measure speed and memory; --quick measures less")
    bench.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", help="the folder to write into")
    for command in (demo, ui):
        command.add_argument("--comfyui", type=Path, metavar="PATH", help="an existing ComfyUI folder to use instead")
        command.add_argument("--python", type=Path, help="the Python that runs it (default: found in or beside it)")
    for command in (demo, ui, train, test, bench):
        command.add_argument("--torch-index", metavar="URL", help="where to get torch from (default: pip's own index)")
    return parser


def _check_demo(options: argparse.Namespace) -> None:
    if options.image is not None and not options.image.is_file():
        raise RunError(f"There is no picture {options.image}: give --image the path of a picture file.")
    if options.output.suffix.lower() != ".png":
        raise RunError(f"The result is a PNG, but --output is {options.output}: give it a name that ends in .png.")
    if not options.output.absolute().parent.is_dir():
        raise RunError(f"There is no folder {options.output.absolute().parent}: make it, or choose another --output.")


def _check_comfyui(options: argparse.Namespace) -> None:
    if options.comfyui is None:
        if options.python is not None:
            raise RunError("--python names the Python that runs an existing ComfyUI: give --comfyui with it.")
        return
    options.comfyui = options.comfyui.resolve()
    if not (options.comfyui / "main.py").is_file():
        raise RunError(
            f"There is no ComfyUI in {options.comfyui}: give --comfyui the folder that has ComfyUI's main.py."
        )
    if options.python is not None and not options.python.is_file():
        raise RunError(f"There is no Python {options.python}: give --python the path of the program that runs it.")
