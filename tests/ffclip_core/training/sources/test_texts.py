"""The bytes of caption files, as programs and people leave them."""

from __future__ import annotations

import codecs

import pytest
from ffclip.ffclip_core.training.sources.left_out import LeftOutError
from ffclip.ffclip_core.training.sources.texts import captions_in

TEXT = "Ein Mädchen mit grünem Haar\nпривет, мир 你好 🙂\n"
LINES = ("Ein Mädchen mit grünem Haar", "привет, мир 你好 🙂")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_told_by_its_mark(encoding: str) -> None:
    assert captions_in(TEXT.encode(encoding)) == LINES


@pytest.mark.parametrize(("mark", "encoding"), [(codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be")])
def test_the_other_order_of_bytes_too(mark: bytes, encoding: str) -> None:
    assert captions_in(mark + TEXT.encode(encoding)) == LINES


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_western_texts_are_recognised_without_a_mark(encoding: str) -> None:
    assert captions_in("grünes Haar, café\r\nCréée à Besançon".encode(encoding)) == (
        "grünes Haar, café",
        "Créée à Besançon",
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_has_all_letters(encoding: str) -> None:
    assert captions_in("hair for 5 € in Łódź".encode(encoding)) == ("hair for 5 € in Łódź",)


@pytest.mark.parametrize(
    "data",
    [
        "髪が緑の女の子".encode("shift-jis"),
        "зелёные волосы".encode("cp1251"),
        "绿色的头发".encode("gbk"),
        "초록 머리".encode("euc-kr"),
        codecs.BOM_UTF8 + b"caf\xe9",
        codecs.BOM_UTF16_LE + b"a\0b",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
    ],
)
def test_other_bytes_are_not_guessed(data: bytes) -> None:
    with pytest.raises(LeftOutError, match="save it as UTF-8$"):
        captions_in(data)


def test_a_line_is_a_caption_without_what_cannot_be_seen() -> None:
    data = "  green \t hair \n\n\x00a\x07 cat\x1b\u2028cafe\u0301\ngreen hair\n👩‍👧\ufeff\n \n".encode()
    assert captions_in(data) == ("green hair", "a cat", "café", "👩‍👧")
    assert captions_in(b"") == captions_in(b"\n \r\n\t") == ()
