"""What a user can get wrong. Every message is one sentence with the offending value and the way out."""


def sendable(text: object) -> str:
    """The text as any log and any page can take it: halves of letters (a name that is no UTF-8, half an emoji) and
    control characters as escapes. Writing one of the former to a log ends the thread that ComfyUI runs graphs in."""
    return "".join(letter if letter in "\n\t" else _escaped(letter) for letter in str(text))


def _escaped(letter: str) -> str:
    if "\ud800" <= letter <= "\udfff":
        return f"\\u{ord(letter):04x}"
    return f"\\x{ord(letter):02x}" if letter < " " or "\x7f" <= letter < "\xa0" else letter


class FFCLIPError(Exception):
    """Base of all errors that FFCLIP raises on purpose. Its message is sendable."""

    def __init__(self, message: object = "") -> None:
        super().__init__(sendable(message))


class CheckpointError(FFCLIPError):
    """A file that is missing, damaged, or does not hold the part that was asked for."""


class FamilyError(FFCLIPError):
    """Parts of different model families were put together."""


class InputError(FFCLIPError):
    """A picture, prompt, code or setting that can't be worked with."""
