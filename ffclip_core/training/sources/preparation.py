"""A folder, a zip or a Python source → squares of one size on the disk, once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import FFCLIPError, InputError
from . import containers, store
from .data import Data, data_of
from .decoding import MOST_BYTES, decoded, square
from .examples import Example, Pair, Source
from .in_order import cores, in_order
from .left_out import Left, LeftOutError
from .listing import PairFiles, PictureFile, listing
from .texts import LONGEST, captions_in, captions_of

_MOST_THREADS = 16
_AHEAD = 4
"""Items that wait for each thread."""
_AS_WIDE = 0.01
"""By how much the proportions of a pair's pictures may differ: a few pixels, as editors round sizes."""


def prepare(
    source: str | Path | Source,
    folder: str | Path,
    size: int,
    *,
    limit: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Data:
    """Fill a folder with the middle squares of all pictures of a source, uint8 [size, size, 3], and what training needs
    beside them.

    source: a folder, a zip file, or an iterable of Example and Pair; of a folder's or zip's, all that Pillow reads
    (docs/training-data.md). limit: how many pictures and pairs are taken at most, the first ones; an endless source
    needs it. progress(done, of how many, or None where nobody knows) is called after each; tell(sentence) where the
    folder's earlier contents are gone on with or don't fit any more.

    What was prepared of the same source at the same size is taken as it is; broken off at any moment, the next call
    goes on. The files are the same bytes however many threads decode. Memory: the texts and some hundred bytes for each
    picture, and a few pictures. Raises InputError for a source that gives nothing or can't be read, FFCLIPError where
    the disk is full or the folder can't be written to. A picture that can't be read is left out and named in
    Data.skipped.
    """
    folder = Path(folder)
    for value, name in ((size, "size"), (limit, "limit")):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise InputError(f"The {name} is a whole number above zero such as 128, not {value!r}.")
    with _work(source, folder, size, limit) as work:
        header = store.Header(fingerprint=work.fingerprint, size=size, limit=limit)
        with store.locked(folder):
            done = store.read(folder)
            if done is not None and (done.header != header or not work.fingerprint):
                _tell_what_changed(tell, done.header, header, work)
                done = None
            if done is None or not done.whole:
                _fill(folder, header, work, done, progress, tell)
                done = store.read(folder)
                if done is None or not done.whole:
                    raise FFCLIPError(f"Something else has changed the files in {folder} meanwhile: prepare again.")
    return data_of(folder, done)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The items of a source from one on, what makes squares of one, and what is known of all before."""

    name: str
    items: Callable[[int], Iterable[Any]]
    make: Callable[[Any], store.Prepared]
    total: int | None
    pictures: int
    fingerprint: str
    left: list[Left] = field(default_factory=list)


@contextlib.contextmanager
def _work(source: str | Path | Source, folder: Path, size: int, limit: int | None) -> Iterator[_Work]:
    if not isinstance(source, (str, os.PathLike)):
        total = len(source) if isinstance(source, Sized) else None
        total = limit if total is None else min(total, total if limit is None else limit)
        yield _Work(
            name="The source",
            items=partial(_items_of, source, limit),
            make=lambda item: _of_example(item, size),
            total=total,
            pictures=total or 0,
            fingerprint=str(getattr(source, "fingerprint", "")),
        )
        return
    path = Path(source)
    with contextlib.closing(containers.opened(path)) as container:
        if folder.absolute().resolve().is_relative_to(path.absolute().resolve()):
            raise InputError(f"{folder} lies in the folder of pictures {path}: give one that lies outside of it.")
        found = listing(container.files())
        left = container.left + found.left
        if not found.items:
            raise InputError(f"{path} holds no pictures{_first(left)}: give a folder or zip of PNG or JPEG files.")
        items = found.items[:limit]
        yield _Work(
            name=str(path),
            items=lambda first: items[first:],
            make=lambda item: _of_files(container, item, size),
            total=len(items),
            pictures=sum(1 + isinstance(item, PairFiles) for item in items),
            fingerprint=found.fingerprint,
            left=left,
        )


def _items_of(source: Source, limit: int | None, first: int) -> Iterable[Any]:
    """Those that went before are made and thrown away again, if the source can't leave them out."""
    if hasattr(source, "after"):
        return islice(source.after(first), None if limit is None else limit - first)  # pyright: ignore
    return islice(source, first, limit)


def _fill(
    folder: Path,
    header: store.Header,
    work: _Work,
    done: store.Contents | None,
    progress: Callable[[int, int | None], None] | None,
    tell: Callable[[str], None] | None,
) -> None:
    count = done.items if done else 0
    any_pictures = done is not None and any(rows.digests for rows in done.rows)
    left = list(done.left if done else work.left)[:2]
    if done and tell:
        tell(f"Preparing {work.name} goes on after {count} of {work.total or 'its'} pictures and pairs.")
    threads = min(cores(), _MOST_THREADS)
    with store.Store(folder, header, work.left, done) as writing, ThreadPoolExecutor(threads) as executor:
        _check_room(folder, header.size, work.pictures, done)
        made = in_order(work.make, work.items(count), executor, _AHEAD * threads)
        with contextlib.closing(made):
            for item in made:
                writing.add(item)
                count += 1
                any_pictures = any_pictures or bool(item.squares)
                left += item.left if len(left) < 2 else ()
                if progress:
                    progress(count, work.total)
        if not any_pictures:
            raise InputError(f"{work.name} gives no picture that can be read{_first(left)}: look at its files.")
        writing.finish()


def _check_room(folder: Path, size: int, pictures: int, done: store.Contents | None) -> None:
    """Before hours of work, not after."""
    there = sum(len(rows.digests) * names for names, rows in enumerate(done.rows, 1)) if done else 0
    needed = (pictures - there) * store.row_bytes(size)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FFCLIPError(
            f"The prepared pictures take {needed / 1e9:.2f} GB, but the disk of {folder} has {free / 1e9:.2f} GB free: "
            "make room, give another folder, or fewer or smaller pictures."
        )


def _tell_what_changed(
    tell: Callable[[str], None] | None, before: store.Header, now: store.Header, work: _Work
) -> None:
    if not tell or before.fingerprint == now.fingerprint == "":
        return
    if before.fingerprint != now.fingerprint:
        tell(f"{work.name} is not what was prepared before: its pictures are prepared anew.")
    else:
        was = f"{before.size} px" + (f", {before.limit} at most" if before.limit else "")
        tell(f"{work.name} was prepared otherwise before ({was}): its pictures are prepared anew.")


def _first(left: list[Left]) -> str:
    return f" (left out: {left[0]}{', …' if len(left) > 1 else ''})" if left else ""


def _of_files(container: containers.Container, item: PictureFile | PairFiles, size: int) -> store.Prepared:
    left: list[Left] = []
    texts: tuple[str, ...] = ()
    if item.text is not None:
        try:
            texts = captions_in(container.read(item.text, LONGEST))
        except LeftOutError as error:
            left.append(Left(item.text, str(error)))
    names = item[:-1]
    if isinstance(item, PairFiles) and not texts:
        return store.Prepared((), left=(*left, Left(item.before, f"the pair has no text in {item.text}")))
    squares, shapes, digest = [], [], 0
    for name in names:
        try:
            data = container.read(name, MOST_BYTES)
            made, shape = decoded(data, size)
        except LeftOutError as error:
            return store.Prepared((), left=(*left, Left(name, str(error))))
        except MemoryError:
            return store.Prepared((), left=(*left, Left(name, "it needs more memory than there is: make it smaller")))
        digest = digest if squares else _digest(data)
        squares.append(made)
        shapes.append(shape)
    if isinstance(item, PairFiles) and not _alike(*shapes):
        (width, height), (width_after, height_after) = shapes
        reason = f"before has {width} × {height} px, after {width_after} × {height_after}: the same part must be seen"
        return store.Prepared((), left=(*left, Left(item.before, reason)))
    return store.Prepared(tuple(squares), texts, digest, tuple(left))


def _alike(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether two sizes have the same proportions."""
    first, second = before[0] * after[1], before[1] * after[0]
    return abs(first - second) <= _AS_WIDE * max(first, second)


def _of_example(item: object, size: int) -> store.Prepared:
    if isinstance(item, Example):
        pictures, texts = (item.picture,), item.captions
    elif isinstance(item, Pair):
        pictures, texts = (item.before, item.after), item.texts
    else:
        raise InputError(f"A source gives Example and Pair, not {type(item).__name__}: make one of these of each item.")
    captions = tuple(caption for text in texts for caption in captions_of(" ".join(text.splitlines())))
    if isinstance(item, Pair) and not captions:
        raise InputError("The texts of a Pair are blank: give at least one text that asks for the edit.")
    squares = tuple(square(picture, size) for picture in pictures)
    return store.Prepared(squares, captions, _digest(pictures[0].tobytes()))


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
