"""What a file is that is no model: archives, answers of servers, programs, pictures, models of other programs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from pathlib import Path
from typing import IO, Any, cast

from .pickles import Object

# By their first bytes: what they are, and the way out.
_UNPACK = "unpack it, and choose the model in it"
_ARCHIVES = {
    b"Rar!\x1a\x07": "a .rar archive",
    b"7z\xbc\xaf\x27\x1c": "a .7z archive",
    b"\x28\xb5\x2f\xfd": "a .zst archive",
    b"\x04\x22\x4d\x18": "a .lz4 archive",
    b"\x1f\x9d": "a .Z archive",
    b"!<arch>\n": "an .ar or .deb archive",
    b"MSCF": "a .cab archive",
    b"\xed\xab\xee\xdb": "an .rpm package",
}
_OTHERS = {
    b"GGUF": "a model of llama.cpp (GGUF), which holds no network that FFCLIP knows",
    b"lmgg": "a model of llama.cpp (GGML), which holds no network that FFCLIP knows",
    b"tjgg": "a model of llama.cpp (GGML), which holds no network that FFCLIP knows",
    b"\x89HDF\r\n\x1a\n": "a file of HDF5 (.h5), as Keras and TensorFlow write it: get the model for PyTorch",
    b"\x93NUMPY": "an array of NumPy (.npy), not a model",
    b"\x89PNG": "a picture (PNG), not a model: choose it in Load Image",
    b"\xff\xd8\xff": "a picture (JPEG), not a model: choose it in Load Image",
    b"GIF8": "a picture (GIF), not a model",
    b"BM": "a picture (BMP), not a model",
    b"II*\x00": "a picture (TIFF), not a model",
    b"MM\x00*": "a picture (TIFF), not a model",
    b"RIFF": "a picture, sound or film (RIFF), not a model",
    b"%PDF": "a PDF document, not a model",
    b"MZ": "a program for Windows, not a model: do not start it if you did not ask for one",
    b"\x7fELF": "a program for Linux, not a model: do not start it if you did not ask for one",
    b"\xcf\xfa\xed\xfe": "a program for macOS, not a model: do not start it if you did not ask for one",
    b"\xca\xfe\xba\xbe": "a program for macOS or Java, not a model: do not start it if you did not ask for one",
    b"#!": "a script, not a model: do not start it if you did not ask for one",
    b"SQLite format 3\x00": "a database (SQLite), not a model",
    b"ID3": "a sound file, not a model",
    b"OggS": "a sound file, not a model",
    b"PK\x05\x06": "an empty zip archive: download it again",
    b"PK\x07\x08": "one volume of a divided zip archive: get all of them, and unpack them",
    b"d8:announce": "a torrent, not the model itself: download what it describes",
    b"model_checkpoint_path:": "a list of TensorFlow's checkpoints: get the model for PyTorch",
    b"version https://git-lfs": "a git-lfs pointer, not the model: fetch it with 'git lfs pull' or download it",
}
_PACKED = {
    b"\x1f\x8b": ("a .gz archive", gzip.open),
    b"BZh": ("a .bz2 archive", bz2.open),
    b"\xfd7zXZ\x00": ("an .xz archive", lzma.open),
}
_PAGE = (b"<!doctype", b"<html", b"<head", b"<body", b"<!--", b"<script", b"<div", b"<p>", b"<title", b"<meta", b"<h1")
_ANSWER = re.compile(
    r"not found|denied|forbidden|unauthorized|invalid|expired|credentials|too many requests|rate limit|error|exceeded|"
    r"gated|login|log in|sign in|redirect|unavailable|timeout|timed out|no such",
    re.IGNORECASE,
)
_LIBRARIES = {
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "pandas": "pandas",
    "scipy": "SciPy",
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "jaxlib": "JAX",
    "spacy": "spaCy",
    "gensim": "Gensim",
}


def name_foreign(path: Path, start: bytes, size: int) -> str:
    """Half a sentence on what a file is, by its first bytes, that is none of the kinds that hold models."""
    if not start:
        return "is empty: download it again"
    if not start.strip(b"\0"):
        return "begins with nothing but zeros: its download has not finished, or failed; download it again"
    if _is_tar(start):
        return f"is a .tar archive: {_UNPACK}"
    for mark, (what, unpack) in _PACKED.items():
        if start.startswith(mark):
            return f"is {what}{_within(path, unpack)}: {_UNPACK}"
    for mark, what in _ARCHIVES.items():
        if start.startswith(mark):
            return f"is {what}: {_UNPACK}"
    for mark, what in _OTHERS.items():
        if start.startswith(mark):
            return f"is {what}"
    if start[4:8] == b"TFL3":
        return "is a model of TensorFlow Lite: get the model for PyTorch"
    if start[4:8] == b"ftyp":
        return "is a film or picture (MP4, HEIC or AVIF), not a model"
    if re.match(rb"\x08[\x01-\x20](\x12[\x01-\x60][\x20-\x7e]|[\x1a\x22\x3a])", start):
        return "is a model of ONNX, which holds no network that FFCLIP can edit with: get the model for PyTorch"
    return _name_text(start, size) or f"is no model file, or an incomplete one ({size:,} bytes): download it again"


def name_foreign_object(tree: Any) -> str | None:
    """Half a sentence on what a pickle holds that is one object of another library than PyTorch; else None."""
    if not isinstance(tree, Object):
        return None
    package = tree.kind.partition(".")[0]
    if tree.kind == "numpy.ndarray":
        return "is a pickled array of NumPy, not a model"
    if package not in _LIBRARIES:
        return None
    return f"holds an object of {_LIBRARIES[package]} ('{tree.kind[:80]}'), not a network of PyTorch"


def _name_text(start: bytes, size: int) -> str | None:
    """What a text is; None if the bytes are none."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = start[: len(start) // 2 * 2].decode("utf-16", "replace")
    else:
        try:
            text = start.removeprefix(b"\xef\xbb\xbf").decode()
        except UnicodeDecodeError as error:
            if len(start) - error.start > 3 or error.reason != "unexpected end of data":
                return None
            text = start[: error.start].decode()
    if any(not letter.isprintable() and letter not in "\r\n\t\f" for letter in text):
        return None
    text = text.strip()
    low = text.lower().encode()
    if not text:
        return "holds nothing but blanks: download it again"
    if low.startswith((b"<?xml", b"<error")):
        told = re.search(r"<(?:Code|Message|title)>([^<]{1,80})", text)
        answer = f": '{told[1]}'" if told else ""
        return f"is an answer of a server in XML, not the model{answer}: download it again"
    if low.startswith(_PAGE) or re.search(rb"</(a|p|div|html|body|span|h\d)>", low):
        return "is a web page saved under a model's name: download the file itself, not the page about it"
    if text[0] in "{[":
        return _name_json(text, size)
    shown = " ".join(text[:80].split())
    if size < 4096 and _ANSWER.search(text):
        return f"is an answer of a server, not the model: '{shown}': download it again"
    return f"is a text, not a model (it begins with '{shown[:60]}'): choose another file"


def _name_json(text: str, size: int) -> str:
    told = re.search(r'"(?:error|message|detail|msg|error_description)"\s*:\s*"([^"]{1,120})', text)
    if told or size < 4096 and _ANSWER.search(text):
        answer = f": '{told[1]}'" if told else ""
        return f"is an answer of a server, not the model{answer}: download it again"
    return "is a text (JSON), such as a model's settings, not the model: choose the file with its weights"


def _is_tar(start: bytes) -> bool:
    """By its own checksum, which old ones have too."""
    told = start[148:156].strip(b"\0 ")
    if len(start) < 512 or not re.fullmatch(rb"[0-7]{1,7}", told):
        return False
    return int(told, 8) == sum(start[:148]) + 8 * 32 + sum(start[156:512])


def _within(path: Path, unpack: Any) -> str:
    """What a packed file holds, where that can be told from its begin."""
    try:
        with cast(IO[bytes], unpack(path)) as file:
            start = file.read(512)
    except Exception:  # Damaged ones can raise anything, and are archives all the same.
        return ""
    return " of a .tar archive" if _is_tar(start) else ""
