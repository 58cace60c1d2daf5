"""CLIP's text tower, built by open_clip: prompt → embedding (Radford et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor

from .errors import InputError

CONTEXT_LENGTH = 77


@cache
def _tokenizer(context_length: int = CONTEXT_LENGTH) -> SimpleTokenizer:
    return SimpleTokenizer(context_length=context_length)


class TextEncoder(TextTransformer):
    """Prompts → embeddings. The defaults are the published ViT-B/32's text tower; parameters carry OpenAI's names."""

    def __init__(
        self,
        embed_dim: int = 512,
        width: int = 512,
        heads: int = 8,
        layers: int = 12,
        vocab_size: int = 49408,
        context_length: int = CONTEXT_LENGTH,
        family: str | None = None,
    ) -> None:
        super().__init__(context_length, vocab_size, width, heads, layers, output_dim=embed_dim, act_layer=QuickGELU)
        self.embed_dim, self.family = embed_dim, family
        # A constant, also while loading on "meta".
        mask = torch.full((context_length, context_length), -torch.inf, device="cpu").triu(1)
        self.register_buffer("attn_mask", mask, persistent=False)

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return {
            "embed_dim": self.embed_dim,
            "width": self.width,
            "heads": self.heads,
            "layers": len(self.transformer.resblocks),
            "vocab_size": self.vocab_size,
            "context_length": self.context_length,
        }

    def encode(self, prompts: str | Sequence[str]) -> Tensor:
        """Prompts → float32 [P, embed_dim], not normalised.

        A prompt of more than context_length (77) tokens is cut (see is_truncated). Raises InputError for a blank prompt
        or none at all.
        """
        if isinstance(prompts, str):
            prompts = [prompts]
        if not prompts:
            raise InputError("There is no prompt: write what to change, for example 'purple hair'.")
        for prompt in prompts:
            if not prompt.strip():
                raise InputError(f"The prompt {prompt!r} is empty: write what to change, for example 'purple hair'.")
        return self.encode_tokens(_tokenizer(self.context_length)(list(prompts)))

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
        return self(ids.to(self.token_embedding.weight.device)).float()

    def is_truncated(self, prompt: str) -> bool:
        """Whether the prompt has more tokens than fit, start and end of text included, so that its end is not read."""
        return len(_tokenizer(self.context_length).encode(prompt)) + 2 > self.context_length
