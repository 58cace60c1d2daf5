"""Texts that can be sent to any page and written to any log."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from ffclip.ffclip_core.errors import CheckpointError, FFCLIPError, InputError, sendable


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain, with ü and 😀 and 日本", "plain, with ü and 😀 and 日本"),
        ("half \ud83d", "half \\ud83d"),
        ("caf\udce9.pt", "caf\\udce9.pt"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_a_text_can_be_sent(text: str, sent: str) -> None:
    assert sendable(text) == sent
    sent.encode()
    assert sendable(sent) == sent


@pytest.mark.parametrize("kind", [FFCLIPError, CheckpointError, InputError])
def test_every_error_can_be_sent(kind: type[FFCLIPError]) -> None:
    str(kind("There is no file 'caf\udce9.pt'.")).encode()


def test_a_log_of_another_encoding_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where the output goes into a file."""
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(encoding="cp1252"))
    assert sendable("ü 日 😀") == "ü \\u65e5 \\U0001f600"
    monkeypatch.setattr(sys, "stderr", None)
    assert sendable("日") == "日"


def test_an_error_is_one_line_of_bounded_length() -> None:
    text = str(InputError(f"There is no mode '{'a' * 20_000}\n': choose another."))
    assert len(text) < 1600 and "\n" not in text
    assert text.startswith("There is no mode 'aaa") and text.endswith("': choose another.")
