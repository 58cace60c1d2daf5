"""Model files. One module per layout; what a file holds follows from its contents, and reading it runs nothing from it.

From a path to a network: files.py opens any container (pickles/, safetensors_file.py, archive.py, shards.py),
canonical.py brings it to flat names, one of the layouts finds the parts in it, parts.py builds their networks.

To add a layout, write a module like the others, whose read(file) gives the parts that a file holds (none, for a file of
another layout), and name it in LAYOUTS. The order matters: all are asked, and of two parts of one kind the first is
taken. So a layout whose file has a whole network of another layout in it (e4e and FFCLIP, with rosinality's generator)
stands before that one. Files of our own say what they are: of these no other is asked. tests/layouts.py writes files of
each as their programs do; docs/model-files.md has a row for each.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import CheckpointError, FFCLIPError, sendable
from ..execution.encoder import FastEncoder
from ..execution.generator import FastGenerator
from ..networks.aligner import Aligner
from ..networks.identity import Identity
from ..networks.modulation import Modulator
from . import arcface, basicsr, clip, e4e, ffclip_release, foreign, nvidia, own, rosinality, tensorflow
from .canonical import Flat, flatten
from .files import about, machine_fault, read_file
from .own import save_part
from .parts import Network, Part, words

__all__ = [
    "load_aligner",
    "load_encoder",
    "load_generator",
    "load_identity",
    "load_image_encoder",
    "load_modulator",
    "load_text_encoder",
    "read_parts",
    "save_part",
]

if TYPE_CHECKING:
    from ..networks.image_encoder import ImageEncoder
    from ..networks.text_encoder import TextEncoder

_log = logging.getLogger(__name__)
_ALSO, _REFUSED = "the file also holds ", "what it has beside: the file "
_CHOOSE = "choose one of StyleGAN2, e4e, pSp, FFCLIP, CLIP ViT-B/32 or ArcFace IR-SE50"
# Tensors that are computed (noise maps of 4096 px), and small ones that are shown repeated.
_SLACK = 192 << 20


class Layout(Protocol):
    """What the module of a layout has."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """As users are told of it."""
        ...

    def read(self, file: Flat) -> list[Part]:
        """The parts of this layout in a file. Raises CheckpointError, half a sentence, for those that can't be used."""
        ...


LAYOUTS: tuple[Layout, ...] = (e4e, ffclip_release, rosinality, nvidia, tensorflow, basicsr, clip, arcface)


def load_generator(path: str | Path) -> FastGenerator:
    """Read a StyleGAN2 generator for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast(FastGenerator, _load(path, "generator"))


def load_encoder(path: str | Path) -> FastEncoder:
    """Read an e4e encoder for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast(FastEncoder, _load(path, "encoder"))


def load_modulator(path: str | Path) -> Modulator:
    """Read semantic modulation blocks for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast(Modulator, _load(path, "modulator"))


def load_text_encoder(path: str | Path) -> TextEncoder:
    """Read a CLIP text tower for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast("TextEncoder", _load(path, "text_encoder"))


def load_image_encoder(path: str | Path) -> ImageEncoder:
    """Read a CLIP image tower for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast("ImageEncoder", _load(path, "image_encoder"))


def load_aligner(path: str | Path) -> Aligner:
    """Read a family's aligner for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast(Aligner, _load(path, "aligner"))


def load_identity(path: str | Path) -> Identity:
    """Read ArcFace's IR-SE50 for use, in float32 on the CPU. Raises CheckpointError if the file holds none."""
    return cast(Identity, _load(path, "identity"))


def read_parts(path: str | Path) -> dict[str, Part]:
    """What a file holds, by kind (parts.KINDS), without the tensors' numbers.

    Raises CheckpointError, one sentence, for a file that holds none of them or can't be read.
    """
    path = Path(path)
    contents = read_file(path)
    with _about(path):
        file = flatten(contents)
        parts = {part.kind: part for part in _parts(file)}
        for part in parts.values():
            # Views could show the same few numbers as many; some formats take a quarter of float32.
            stored = sum(math.prod(tensor.shape) * tensor.dtype.itemsize for tensor in part.tensors.values())
            if stored > 4 * contents.size + _SLACK:
                raise CheckpointError(f"is damaged: its {words(part.kind)} is larger than the file; get the file again")
        return parts


def _parts(file: Flat) -> list[Part]:
    """All parts that a file holds. Raises CheckpointError, half a sentence, for a file without any that can be used."""
    if own.detect(file):
        return own.read(file)
    parts: dict[str, Part] = {}
    refused: list[str] = []
    for layout in LAYOUTS:
        try:
            for part in layout.read(file):
                parts.setdefault(part.kind, part)
        except CheckpointError as error:
            refused.append(str(error))
    others = foreign.describe(file)
    if not parts:
        if others or refused:
            way_out = "" if others and ":" in others else f": {_CHOOSE}"
            raise CheckpointError(f"holds {others}{way_out}" if others else refused[0])
        raise CheckpointError(f"holds no model that FFCLIP knows ({_few(file)}): {_CHOOSE}")
    notes = [f"{_REFUSED}{refusal}" for refusal in refused] + ([f"{_ALSO}{others}"] if others else [])
    # A generator beside an encoder or modulation blocks is of their kind of file.
    layouts = [parts[kind].layout for kind in ("encoder", "modulator") if kind in parts]
    if "generator" in parts and layouts:
        parts["generator"] = replace(parts["generator"], layout=layouts[0])
    return [replace(part, notes=(*part.notes, *notes)) for part in parts.values()]


def _few(file: Flat) -> str:
    """Some of what is in a file that nobody knows."""
    if not file.tensors:
        return "there are no tensors in it"
    names = ", ".join(f"'{name[:60]}'" for name in list(file.tensors)[:3])
    return f"it has {len(file.tensors)} tensors such as {names}"


def build(path: str | Path, parts: Mapping[str, Part], kind: str) -> Network:
    """The network of one of the parts that read_parts() found in this file, for use, in float32 on the CPU.

    Raises CheckpointError, which says what the file does hold, where it holds no such part.
    """
    if kind not in parts:
        found = " and ".join(f"the {words(part)}" for part in parts)
        notes = next(iter(parts.values())).notes
        others = "".join(f" and {note.removeprefix(_ALSO)}" for note in notes if note.startswith(_ALSO))
        why = "".join(f"; it {note.removeprefix(_REFUSED)}" for note in notes if note.startswith(_REFUSED))
        raise about(
            Path(path),
            CheckpointError(f"holds {found} of a model{others}, not the {words(kind)}: choose another file{why}"),
        )
    with _about(Path(path)):
        return parts[kind].build()


def load_parts(files: Mapping[str, str | Path]) -> dict[str, Any]:
    """The networks of these files by kind, as load_generator() and the others give them; a file that stands for several
    kinds is opened once. Raises CheckpointError."""
    held = {path: read_parts(path) for path in dict.fromkeys(map(Path, files.values()))}
    networks: dict[str, Any] = {}
    for kind, path in files.items():
        parts = held[Path(path)]
        networks[kind] = build(path, parts, kind)
        for note in parts[kind].notes:
            _log.info("%s: %s", sendable(Path(path).name), sendable(note))
    return networks


def _load(path: str | Path, kind: str) -> Network:
    return load_parts({kind: path})[kind]


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Make one sentence about this file of whatever goes wrong with it."""
    try:
        yield
    except CheckpointError as error:
        raise about(path, error) from error
    except FFCLIPError:
        raise
    except (OSError, MemoryError) as error:
        raise machine_fault(path, error) from error
    except RuntimeError as error:
        if "alloc" in str(error) and "memory" in str(error):  # PyTorch has no exception of its own for it.
            raise machine_fault(path, MemoryError()) from error
        raise CheckpointError(f"{path.name} is damaged ({type(error).__name__}); get the file again.") from error
    except Exception as error:  # A damaged file can lead anywhere.
        raise CheckpointError(f"{path.name} is damaged ({type(error).__name__}); get the file again.") from error
