"""What a family's text encoder was trained on, and whether a prompt is near it.

An encoder of text gives an embedding to anything, and a small one may put any nonsense beside a caption. So words count
first: one that no training caption has is new to the encoder, which is exact. How it was measured: docs/known-words.md.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch.nn.functional as F
from torch import Tensor

from .errors import CheckpointError, InputError, sendable
from .ordinary import ordinary_tensors

NEAR = 0.9
"""From this cosine similarity on known words are taken for a known prompt, even without all of its words."""
_MISSPELT = 0.75
"""How alike (difflib's ratio) a word is to a known one for which it may stand."""
_LONGEST = 40
"""Letters of a word that is looked for among the misspelt ones: their cost grows with its square."""
_MOST_WORDS = 75
"""Words of a prompt that are looked at: as many as fit into the 77 tokens that an encoder reads, of one token each."""
_SHOWN = 60
_LARGEST_FILE, _MOST_PROMPTS, _LONGEST_TEXT = 1 << 20, 1000, 200
_WORD = re.compile(r"[^\W_]+|[^\w\s\x00-\x7f]")  # A letter that is neither word nor ASCII, such as an emoji, counts.
_APOSTROPHE = re.compile("(?<=\\w)['\u2019](?=\\w)")
_DENIALS = frozenset("no not without never nor neither none non dont doesnt isnt arent wont cant un less".split())


class EncodesText(Protocol):
    """What is needed of a TextEncoder."""

    def encode(self, prompts: str | Iterable[str]) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a prompt.

    prompt      as it was given
    closest     the known prompt that is closest, "" where none is near
    similarity  the cosine of the two prompts' embeddings, from -1 to 1; of the nearest prompt where closest is ""
    known       whether all of the prompt's words are in the training's captions, and those of a known prompt among them
    unknown     its words that are in none of them
    """

    prompt: str
    closest: str
    similarity: float
    known: bool
    unknown: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For people: "'gloomy' is not known; closest: sad"."""
        if self.known:
            return f"{_quoted(self.prompt)} is known."
        those = self.unknown[:3]
        more = f" and {len(self.unknown) - 3} more" if len(self.unknown) > 3 else ""
        what = ", ".join(map(_quoted, those)) if more else " and ".join(map(_quoted, those))
        verb = "are" if len(self.unknown) > 1 else "is"
        subject = f"{what}{more} {verb} not known" if those else f"{_quoted(self.prompt)} is not known as a whole"
        return f"{subject}; {f'closest: {self.closest}' if self.closest else 'nothing known is near'}."


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownWords:
    """What a family knows.

    prompts   that its training's captions say, each one fact
    words     all words of its captions, and such as change nothing beside them ("please"), lower case
    synonyms  words that it does not know, each with a known prompt or word of the same meaning: a list made by hand
    """

    prompts: tuple[str, ...]
    words: frozenset[str]
    synonyms: Mapping[str, str]
    _embedded: WeakKeyDictionary[Any, Tensor] = field(default_factory=WeakKeyDictionary, repr=False)
    _contents: tuple[frozenset[str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_contents", tuple(frozenset(words_of(prompt)) for prompt in self.prompts))

    def look_up(self, text_encoder: EncodesText, prompts: str | Sequence[str]) -> list[Known]:
        """What is known of each prompt. Blank ones are not known. Raises InputError for what is no text."""
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        for prompt in prompts:
            if not isinstance(prompt, str):
                raise InputError(f"A prompt is text such as 'purple hair', not {type(prompt).__name__}.")
        return [self._look_up(text_encoder, prompt) for prompt in prompts]

    def _look_up(self, text_encoder: EncodesText, prompt: str) -> Known:
        words = words_of(prompt)
        if not words:
            return Known(prompt=prompt, closest="", similarity=0.0, known=False)
        unknown = tuple(dict.fromkeys(word for word in words if word not in self.words))
        similarities = self._similarities(text_encoder, prompt)
        said = self._said(set(words))
        if not unknown and said:
            closest = max(said, key=lambda i: float(similarities[i]))
            known = True
        else:
            closest = self._closest(words, unknown, similarities)
            known = False
        similarity = similarities.max() if closest is None else similarities[closest]
        return Known(
            prompt=prompt,
            closest="" if closest is None else self.prompts[closest],
            similarity=float(similarity),
            known=known,
            unknown=unknown,
        )

    def _said(self, words: set[str]) -> list[int]:
        """The known prompts whose words these are, and maybe more; of words that deny, those that deny too."""
        denies = words & _DENIALS
        return [i for i, content in enumerate(self._contents) if content <= words and (not denies or content & denies)]

    def _closest(self, words: list[str], unknown: tuple[str, ...], similarities: Tensor) -> int | None:
        """The known prompt that has most of the words, with synonyms and well spelt words in place of unknown ones;
        among equals the nearest. Beside words that mean nothing to it an encoder has no say in what is near."""
        stands = {word: words_of(found) for word in unknown if (found := self.synonyms.get(word) or self._spelt(word))}
        meant = {new for word in words for new in stands.get(word, [word])}
        instead = {new for found in stands.values() for new in found}
        within = [i for i, content in enumerate(self._contents) if content <= meant]
        within = [i for i in within if self._contents[i] & instead] or within
        if within:
            return max(within, key=lambda i: (len(self._contents[i]), float(similarities[i])))
        nearest = int(similarities.argmax())
        return nearest if not unknown and float(similarities[nearest]) >= NEAR else None

    def _spelt(self, word: str) -> str | None:
        if not 3 < len(word) <= _LONGEST:
            return None
        (found,) = difflib.get_close_matches(word, self._spellings(), 1, _MISSPELT) or [None]
        return found

    def _spellings(self) -> list[str]:
        return sorted({word for content in self._contents for word in content if len(word) > 2})

    def _similarities(self, text_encoder: EncodesText, prompt: str) -> Tensor:
        """The cosine of the prompt's embedding with that of every known prompt, [P] on the CPU."""
        with ordinary_tensors():
            if text_encoder not in self._embedded:
                e = text_encoder.encode(self.prompts)
                self._embedded[text_encoder] = F.normalize(e.detach().cpu().float(), dim=1)
            e = F.normalize(text_encoder.encode(prompt).detach().cpu().float(), dim=1)
            return self._embedded[text_encoder] @ e[0]


def read_known(path: Path) -> KnownWords:
    """A family's file of what it knows: a JSON object of "prompts", "words" (lists) and "synonyms" (an object), see
    KnownWords. Raises CheckpointError: it may come from anybody."""
    try:
        if not path.is_file():  # To open a named pipe would wait without end.
            raise CheckpointError(f"There is no file {path}: get the family again.")
        if path.stat().st_size > _LARGEST_FILE:
            raise CheckpointError(f"{path} is far too long for a list of words: get the family again.")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise _WrongContentError("is no JSON object")
        prompts, words = (_texts(content, key, list) for key in ("prompts", "words"))
        synonyms = _texts(content, "synonyms", dict)
        if not prompts or len(prompts) > _MOST_PROMPTS:
            raise _WrongContentError(f"has {len(prompts)} 'prompts', where 1 to {_MOST_PROMPTS} may be")
        for prompt in prompts:
            if not words_of(prompt):
                raise _WrongContentError(f"has {prompt!r} as a prompt, which has no word")
        return KnownWords(prompts=tuple(prompts), words=frozenset(words), synonyms=MappingProxyType(synonyms))
    except _WrongContentError as error:
        raise CheckpointError(f"{path} {error}: mend it, or get the family again.") from error
    except OSError as error:
        raise CheckpointError(f"{path} can't be read ({error.strerror}): look at its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no JSON: mend it, or get the family again.") from error


class _WrongContentError(Exception):
    pass


def _texts(content: dict[str, Any], key: str, kind: type) -> Any:
    """The list of texts, or the object of such, under a key: lines that messages and the log can show as they are."""
    value: Any = content.get(key)
    if not isinstance(value, kind):
        raise _WrongContentError(f"has no {'list' if kind is list else 'object'} of texts as {key!r}")
    for text in [*value, *value.values()] if isinstance(value, dict) else value:
        if not isinstance(text, str) or len(text) > _LONGEST_TEXT or not text.isprintable() or set(text) & set("<>"):
            raise _WrongContentError(f"has {_shown(text)} in {key!r}, where a text of one line is")
    return value


def _shown(value: Any) -> str:
    try:
        return sendable(repr(value)[:80])
    except RecursionError:
        return "something very deep"


def words_of(text: str) -> list[str]:
    """The words of a text as CLIP's tokenizer tells them apart: lower case, without punctuation."""
    return _WORD.findall(_APOSTROPHE.sub("", text[: 1 << 14].lower()))[:_MOST_WORDS]


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"'{line}'" if len(line) <= _SHOWN else f"'{line[:_SHOWN]}…'"
