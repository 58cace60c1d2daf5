"""The bytes of a caption file → captions."""

from __future__ import annotations

import codecs
import re
import unicodedata

from .left_out import LeftOutError

LONGEST = 1 << 20
"""Bytes of the longest caption file that is read."""

# UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Western texts have no three letters in a row that ASCII lacks; those of other scripts have hardly any others.
_NOT_WESTERN = re.compile(rb"[\x80-\xff]{3}")


def captions_in(data: bytes) -> tuple[str, ...]:
    """The captions of a file, one per line: UTF-8, what a byte order mark says, UTF-16, or Windows' western letters.

    Raises LeftOutError for bytes that are none of these.
    """
    return captions_of(_decoded(data))


def captions_of(text: str) -> tuple[str, ...]:
    """The lines that are not blank, each once, without control characters and halves of letters, spaces made single,
    letters composed (NFC)."""
    found = (_tidy(line) for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in found if line))


def _tidy(line: str) -> str:
    if not line.isprintable():
        line = line.expandtabs(1)
        line = "".join(letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", " ".join(line.replace("\ufeff", "").split()))


def _decoded(data: bytes) -> str:
    try:
        for mark, encoding in _MARKS:
            if data.startswith(mark):
                return data[len(mark) :].decode(encoding)
        # In UTF-16 every other byte of western letters is zero.
        zeros = data[0::2].count(0), data[1::2].count(0)
        if max(zeros) * 4 > len(data):
            return data.decode("utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
    except UnicodeDecodeError as error:
        raise LeftOutError(f"its bytes are no {error.encoding}: save it as UTF-8") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        if not _NOT_WESTERN.search(data):
            return data.decode("cp1252")
    except UnicodeDecodeError:
        pass
    raise LeftOutError("its bytes are in no encoding that can be told: save it as UTF-8")
