"""What a user can get wrong. Every message is one sentence with the offending value and the way out."""


class FFCLIPError(Exception):
    """Base of all errors that FFCLIP raises on purpose."""


class CheckpointError(FFCLIPError):
    """A file that is missing, damaged, or does not hold the part that was asked for."""


class FamilyError(FFCLIPError):
    """Parts of different model families were put together."""


class InputError(FFCLIPError):
    """A picture, prompt, code or setting that can't be worked with."""
