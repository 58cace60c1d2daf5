"""The small CLIP: a text tower and an image tower, of pictures and their captions.

Every caption × picture of a batch has an answer: a caption is true of a picture if its phrases are all among those of
the picture's captions. A balanced sigmoid over all of them and a softmax with several right answers (losses/text.py).
Half of the time only some of a caption's phrases are said, in any order: who edits names one thing, not all.

Of drawings (drawings.py) it is known what is true of each: then captions are made as it learns, and heads on both
towers, which are dropped afterwards, learn to name every attribute: that of a picture, and that a text speaks of. For
the latter there are several times as many captions as pictures, since texts are quick.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...networks.image_encoder import ImageEncoder
from ...networks.text_encoder import TextEncoder
from ..drawings import sayings
from ..effects import FEWEST, MOST
from ..loop import Player, Share, gather
from ..losses.labels import attribute_losses, meaning_losses
from ..losses.text import sigmoid_loss, softmax_loss
from ..pictures import roughen, to_network
from ..short_texts import encode_short
from ..sources import Data
from ..token_tables import grown, numbers, shrink, tokens_of
from ..work import Work

NAME, GIVES, WHAT = "text", ("text_encoder", "image_encoder"), "text and image tower (a small CLIP)"
EMBED_DIM = 256
TEXT = {"width": 96, "heads": 4, "layers": 2}
IMAGE = {"layers": (1, 1, 2, 1), "width": 16, "heads": 8}
_APART = re.compile(r"\s*[,;]\s*|\s*[.:]+(?=\s|$)\s*|(?:^|\s+)(?:and|with)(?=\s|$)\s*")
_IN_PART = 0.5
_MORE = 3
_LISTENED, _AT_ONCE = 200, 500
"""Times as many captions of drawings whose words get rows of their own."""
_EVERYWHERE = 0.95
"""What is said of more of the pictures is no edit."""


def phrases(text: str) -> tuple[str, ...]:
    """What a caption says, one thing each, in small letters, with spaces for underscores."""
    said = (phrase.strip() for phrase in _APART.split(text.lower().replace("_", " ")))
    return tuple(dict.fromkeys(phrase for phrase in said if phrase))


def repeated_phrases(data: Data) -> list[str]:
    """What the captions of several pictures say, but not of nearly all, the most frequent first."""
    captions = [[data.texts[i] for i in data.captions_of(int(row))] for row in data.training]
    said = Counter(phrase for texts in captions for phrase in {p: None for text in texts for p in phrases(text)})
    most = _EVERYWHERE * sum(1 for texts in captions if texts)
    return [phrase for phrase, times in said.most_common() if FEWEST <= times <= most][:MOST]


def new_towers(work: Work) -> dict[str, nn.Module]:
    """Untrained."""
    size = min(64, max(32, work.data.size))
    return {
        "text_encoder": TextEncoder(embed_dim=EMBED_DIM, family=work.family, **TEXT),
        "image_encoder": ImageEncoder(embed_dim=EMBED_DIM, image_size=size, family=work.family, **IMAGE),
    }


class _Clip(Player):
    def __init__(self, work: Work) -> None:
        super().__init__("text", work.learning(NAME))
        towers = new_towers(work)
        self.text = cast(TextEncoder, towers["text_encoder"])
        self.image = cast(ImageEncoder, towers["image_encoder"])
        self.whole = self.text.token_embedding.weight.detach().clone()
        self.tokens = _drawn_tokens(work) if work.drawings else _tokens(work.data)
        shrink(self.text, self.tokens)
        self.scales = nn.ParameterDict(
            {"sigmoid": torch.tensor(2.3), "bias": torch.tensor(-5.0), "softmax": torch.tensor(2.6)}
        )
        if work.drawings:
            self.sayings = sayings(work.drawings.domain)
            counts = [len(values) for values in self.sayings.attributes.values()]
            self.heads = nn.ModuleList(nn.Linear(EMBED_DIM, count) for count in counts)
            self.text_heads = nn.ModuleList(nn.Linear(EMBED_DIM, count + 1) for count in counts)
        self.to(work.device)
        self.using = (work.data, work.weights(NAME), work.device, work)
        self.rows = work.data.training[[bool(work.data.captions_of(int(i))) for i in work.data.training]]

    def forward(self, share: Share) -> dict[str, Tensor]:
        data, weights, device, work = self.using
        whole = self.rows[share.rng("captions").integers(0, len(self.rows), share.batch)]
        said, truth = self._said_of_drawings(share, whole) if work.drawings else self._said_of_pictures(share, whole)
        x = roughen(to_network(data.pictures[share.of(whole)], device), share.rng("roughen"))
        ids = cast(Tensor, open_clip.tokenize(said[share.first : share.first + share.size]))
        with share.autocast(), attention(device):
            images, texts = self.image.encode(x), encode_short(self.text, numbers(ids, self.tokens).to(device))
        cosine = F.normalize(gather(texts.float()), dim=-1) @ F.normalize(gather(images.float()), dim=-1).T
        truth = truth.to(device)
        found = {}
        if "sigmoid" in weights:
            logits = cosine * self.scales["sigmoid"].exp() + self.scales["bias"]
            found["sigmoid"] = weights["sigmoid"] * sigmoid_loss(logits, truth)
        if "softmax" in weights:
            found["softmax"] = weights["softmax"] * softmax_loss(cosine * self.scales["softmax"].exp(), truth)
        if work.drawings and "attributes" in weights:
            named = {str(i): head(images.float()) for i, head in enumerate(self.heads)}
            labels = torch.from_numpy(work.known.labels[share.of(whole)]).to(device)
            found["attributes"] = weights["attributes"] * attribute_losses(named, labels).sum()
        if work.drawings and "meanings" in weights:
            found["meanings"] = weights["meanings"] * self._meanings(share)
        return found

    def _said_of_pictures(self, share: Share, whole: np.ndarray) -> tuple[list[str], Tensor]:
        """A caption of each picture of the batch, and which of those in hand are true of which pictures in hand."""
        data, rng = self.using[0], share.rng("parts")
        captions = [[data.texts[i] for i in data.captions_of(int(row))] for row in whole]
        said = [in_part(texts[int(rng.integers(len(texts)))], rng) for texts in captions]
        shown = [{phrase for text in texts for phrase in phrases(text)} for texts in self._seen(share, captions)]
        return said, torch.tensor([[s.issuperset(p) for s in shown] for p in map(phrases, self._seen(share, said))])

    def _said_of_drawings(self, share: Share, whole: np.ndarray) -> tuple[list[str], Tensor]:
        """The same, of one to four facts of each."""
        work, rng = self.using[3], share.rng("facts")
        assert work.drawings is not None  # noqa: S101
        domain, stream = work.drawings.domain, random.Random(share.seed_of("words"))
        labels = work.known.labels[whole]
        facts = [self.sayings.of_picture(row, rng) for row in labels]
        seen = torch.from_numpy(np.stack(self._seen(share, list(labels))))
        truth = self.sayings.truth(self._seen(share, facts), seen)
        return [domain.caption(each, stream) for each in facts], truth

    def _meanings(self, share: Share) -> Tensor:
        """Of captions of other drawings, several for each picture."""
        _, _, device, work = self.using
        assert work.drawings is not None  # noqa: S101
        rng, stream = share.rng("meanings", share.first), random.Random(share.seed_of("meant", share.first))
        rows = self.rows[rng.integers(0, len(self.rows), _MORE * share.size)]
        facts = [self.sayings.of_picture(row, rng) for row in work.known.labels[rows]]
        ids = cast(Tensor, open_clip.tokenize([work.drawings.domain.caption(each, stream) for each in facts]))
        with share.autocast(), attention(device):
            texts = encode_short(self.text, numbers(ids, self.tokens).to(device)).float()
        meant = [allowed.to(device) for allowed in self.sayings.meant(facts)]
        return meaning_losses([head(texts) for head in self.text_heads], meant).sum()

    @staticmethod
    def _seen(share: Share, whole: list[Any]) -> list[Any]:
        """Of a batch what all processes have in hand now, in the order in which gather() gives it."""
        start = share.micro * share.run.world * share.size
        return whole[start : start + share.run.world * share.size]


def _tokens(data: Data) -> Tensor:
    """All that captions and parts of them are made of."""
    return tokens_of(said for text in data.texts for said in (text, ", ".join(phrases(text))))


def _drawn_tokens(work: Work) -> Tensor:
    """Those of as many captions as bring new ones, or of very many; in such as are made later others are rare."""
    assert work.drawings is not None  # noqa: S101
    domain, rng, stream = work.drawings.domain, np.random.default_rng(0), random.Random(0)
    said, rows = sayings(domain), work.known.labels[work.data.training]
    found = tokens_of([])
    for _ in range(_LISTENED):
        facts = [said.of_picture(rows[i], rng) for i in rng.integers(0, len(rows), _AT_ONCE)]
        more = torch.cat([found, tokens_of({domain.caption(each, stream) for each in facts if each})]).unique()
        if len(more) == len(found):
            break
        found = more
    return found


def attention(device: torch.device) -> AbstractContextManager[object]:
    """On a CPU the gradients of PyTorch's fused attention take several times as long for texts of some ten tokens."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def in_part(text: str, rng: np.random.Generator) -> str:
    """A caption, or as often some of its phrases."""
    said = phrases(text)
    if not said or rng.random() >= _IN_PART:
        return text
    return ", ".join(said[i] for i in rng.permutation(len(said))[: rng.integers(1, len(said) + 1)])


def train(work: Work) -> None:
    def parts(players: Sequence[Player]) -> dict[str, nn.Module]:
        player, averages = players[0], cast("dict[str, Any]", players[0].averages)
        assert isinstance(player, _Clip)  # noqa: S101
        made = new_towers(work)
        # State alone: the running mean of a mask of infinities is no number.
        state = dict(averages["text"].state_dict())
        small, all_known = state["token_embedding.weight"].cpu(), work.drawings is None
        state["token_embedding.weight"] = grown(small, player.tokens, player.whole, all_known)
        made["text_encoder"].load_state_dict(state)
        made["image_encoder"].load_state_dict(averages["image"].state_dict())
        cast(ImageEncoder, made["image_encoder"]).logit_scale.fill_(float(averages["scales"]["softmax"]))
        return made

    players = work.fit(NAME, lambda: [_Clip(work)], parts)
    with torch.no_grad():
        work.finish(NAME, parts(players))
