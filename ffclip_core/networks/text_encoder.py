"""CLIP's text tower, built by open_clip: prompt → embedding (Radford et al., 2021)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor

from ..errors import InputError
from ..known_words import KnownWords
from .architecture import Architecture
from .construction import in_float32

CONTEXT_LENGTH = 77
TOGETHER = 64
"""Prompts that are encoded together: memory stays flat for any number."""
PIECE = 2000
"""Characters that the tokenizer is given at once: its time grows with the square of a word's length."""


@cache
def _tokenizer(context_length: int = CONTEXT_LENGTH) -> SimpleTokenizer:
    return SimpleTokenizer(context_length=context_length)


@dataclass(frozen=True, kw_only=True)
class TextEncoderArchitecture(Architecture):
    """embed_dim: width of an embedding. width, heads, layers: of the transformer. The defaults are ViT-B/32's."""

    embed_dim: int = 512
    width: int = 512
    heads: int = 8
    layers: int = 12
    vocab_size: int = 49408
    context_length: int = CONTEXT_LENGTH


class TextEncoder(TextTransformer):
    """Prompts → embeddings; parameters carry OpenAI's names. Made by the fields of TextEncoderArchitecture as
    keywords.

    known: what it was trained on, where its family says so."""

    known: KnownWords | None = None

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        config = TextEncoderArchitecture(**hyper_parameters)
        super().__init__(
            context_length=config.context_length,
            vocab_size=config.vocab_size,
            width=config.width,
            heads=config.heads,
            layers=config.layers,
            output_dim=config.embed_dim,
            act_layer=QuickGELU,
        )
        self.config, self.embed_dim, self.family = config, config.embed_dim, family
        # A constant, also while loading on "meta".
        size = (config.context_length, config.context_length)
        mask = torch.full(size, -torch.inf, dtype=torch.float32, device="cpu").triu(1)
        self.register_buffer("attn_mask", mask, persistent=False)

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def encode(self, prompts: str | Iterable[str]) -> Tensor:
        """Prompts → float32 [P, embed_dim], not normalised.

        A prompt of more than context_length (77) tokens is cut (see is_truncated). Raises InputError for a blank one,
        none at all, and what is no text.
        """
        if isinstance(prompts, str):
            prompts = [prompts]
        if isinstance(prompts, (bytes, dict)) or not isinstance(prompts, Iterable):
            raise InputError(f"A prompt is text such as 'purple hair', not {type(prompts).__name__}.")
        prompts = list(prompts)
        if not prompts:
            raise InputError("There is no prompt: write what to change, for example 'purple hair'.")
        return self.encode_tokens(torch.stack([self._row(prompt) for prompt in prompts]))

    def _row(self, prompt: str) -> Tensor:
        """Token ids [context_length] with start and end of text; zeros follow."""
        ids = _tokens(prompt, self.context_length - 1)
        if not ids:
            raise InputError(f"The prompt {prompt[:40]!r} is empty: write what to change, for example 'purple hair'.")
        row = [_marker("<start_of_text>"), *ids[: self.context_length - 2], _marker("<end_of_text>")]
        row += [0] * (self.context_length - len(row))
        return torch.tensor(row, dtype=torch.int64, device="cpu")

    def encode_tokens(self, ids: Tensor) -> Tensor:
        """Token ids [P, T], T <= context_length → float32 [P, embed_dim].

        Each row holds its end-of-text token, the largest id. Raises InputError for another shape and for what is no
        token id.
        """
        if ids.ndim != 2 or not ids.numel() or ids.shape[1] > self.context_length:
            raise InputError(
                f"Token ids have the shape [prompts, 1 to {self.context_length} tokens], not {list(ids.shape)}."
            )
        if ids.is_floating_point() or not 0 <= int(ids.min()) <= int(ids.max()) < self.vocab_size:
            raise InputError(
                f"Token ids are whole numbers from 0 to {self.vocab_size - 1}, but {ids.dtype} from {ids.min()} to "
                f"{ids.max()} were given: use the tokenizer of this text encoder."
            )
        # What stands behind the end-of-text token never matters.
        ids = F.pad(ids, (0, self.context_length - ids.shape[1]))
        device = self.token_embedding.weight.device
        with device:  # For what open_clip makes on the way.
            return torch.cat([self(piece.to(device)).float() for piece in ids.split(TOGETHER)])

    def is_truncated(self, prompt: str) -> bool:
        """Whether the prompt has more tokens than fit, start and end of text included, so that its end is not read."""
        return len(_tokens(prompt, self.context_length - 1)) + 2 > self.context_length


@cache
def _marker(text: str) -> int:
    return _tokenizer().encoder[text]


@cache
def _typed(marker: int) -> list[int]:
    """The ids of a marker's letters. Between spaces no part of it is taken for the marker itself."""
    tokenizer = _tokenizer()
    return tokenizer.encode(" ".join(re.split(r"(\W|_)", tokenizer.decoder[marker])))


def _tokens(prompt: str, enough: int) -> list[int]:
    """The ids of a prompt's tokens without markers; once there are enough of them, the rest is not looked at.

    The tokenizer's own markers, typed into a prompt, are text as any other: as markers they would end it.
    """
    if not isinstance(prompt, str):
        raise InputError(f"A prompt is text such as 'purple hair', not {type(prompt).__name__}.")
    ids: list[int] = []
    for piece in _pieces(prompt):
        for token in _tokenizer().encode(piece):
            ids += _typed(token) if token in (_marker("<start_of_text>"), _marker("<end_of_text>")) else [token]
        if len(ids) >= enough:
            break
    return ids


def _pieces(prompt: str) -> Iterator[str]:
    """A prompt that is not too long as it is. Others word by word, and words in pieces; control characters, which the
    tokenizer drops, are dropped first, so that each piece has tokens."""
    if len(prompt) <= PIECE:
        yield prompt
        return
    for word in re.finditer(r"\S+", re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", "", prompt)):
        for start in range(word.start(), word.end(), PIECE):
            yield word.string[start : min(start + PIECE, word.end())]
