"""What a user can get wrong. Every message is one sentence with the offending value and the way out."""

import sys

_LONGEST, _BEGINNING = 1500, 1000


def sendable(text: object) -> str:
    """The text as any page and the log of this process can take it: halves of letters (a name that is no UTF-8, half an
    emoji), control characters, and letters that the log's encoding lacks, as escapes.

    Writing one of these to a strict log ends the thread in which ComfyUI runs graphs.
    """
    plain = "".join(letter if letter in "\n\t" else _escaped(letter) for letter in str(text))
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    return plain if encoding.lower() == "utf-8" else plain.encode(encoding, "backslashreplace").decode(encoding)


def _escaped(letter: str) -> str:
    if "\ud800" <= letter <= "\udfff":
        return f"\\u{ord(letter):04x}"
    return f"\\x{ord(letter):02x}" if letter < " " or "\x7f" <= letter < "\xa0" else letter


class FFCLIPError(Exception):
    """Base of all errors that FFCLIP raises on purpose. Its message can be sent, and is one line of bounded length,
    whatever it quotes."""

    def __init__(self, message: object = "") -> None:
        text = sendable(message).replace("\n", "\\n")
        super().__init__(text if len(text) <= _LONGEST else f"{text[:_BEGINNING]} … {text[_BEGINNING - _LONGEST :]}")


class CheckpointError(FFCLIPError):
    """A file that is missing, damaged, or does not hold the part that was asked for."""


class FamilyError(FFCLIPError):
    """Parts of different model families were put together."""


class InputError(FFCLIPError):
    """A picture, prompt, code or setting that can't be worked with."""
