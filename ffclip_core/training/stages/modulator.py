"""The semantic modulation blocks, everything else as it is: by FFCLIP's losses, captions, pairs before and after.

Texts of phrases that captions repeat bring what these phrases bring (effects.py): the generator draws that, and blocks
learn it like a pair. Of other texts the edited picture is to fit its text in CLIP (FFCLIP, NeurIPS 2022; MATHS of the
losses in losses/modulator.py). With pairs the edited picture is known: where the two differ it is the picture after,
elsewhere what the generator draws of the picture before. Where blocks are given to begin with, they also go on doing
what they did: their changes by texts that they know are kept. Where `text_free` is asked for, differences of pictures
stand for texts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import InputError
from ...networks.generator import Generator
from ...networks.modulation import Modulator
from ...tuned_weights import plain
from ..effects import Effects
from ..loop import Player, Share
from ..losses.modulator import (
    background,
    changed_places,
    cosine_distance,
    directional,
    embedding,
    identity,
    latent_l1,
    latent_l2,
    pair_image,
    pair_latent,
    pair_masked,
    unit,
)
from ..losses.text_free import direction, text_free
from ..pictures import save_sheet, to_network
from ..work import Work
from .text import phrases, repeated_phrases

NAME, GIVES, WHAT = "modulator", ("modulator",), "semantic modulation blocks"
RATES = {"attention_layer": 0.002, "q_matrix": 0.01, "k_matrix": 0.01}
"""Of the learning rate, by parts of parameters' names: what decides where to look learns slowly."""
_SHEET = 6
_SEEN = 100  # Pictures that the image tower looks at together.
_WORDS = ("red", "blue", "old", "young", "happy", "angry", "small", "large", "dark", "bright", "round", "a hat")
"""By which it is measured how far texts are from a neutral one."""


@torch.no_grad()
def begin(model: Modulator) -> None:
    """Starting weights with which the code comes through the blocks, and Δw is small.

    With PyTorch's own the softmax over the layers soon looks at one of them alone, and the translation, which is
    normalised and equal for all layers, drowns what is left of the code.
    """
    for block in model.blocks:
        block.k_matrix.weight.zero_()  # Attention to all layers alike.
        block.v_matrix.weight.copy_(model.num_layers * torch.eye(model.latent_dim))
        block.attention_layer.v_matrix.weight.mul_(1e-3)
        for injector in (block.gamma_, block.beta_):
            cast(nn.Linear, injector[3]).weight.mul_(0.3)
    last = model.blocks[-1]
    cast(nn.Linear, last.gamma_[3]).bias.fill_(-0.7)
    cast(nn.Linear, last.beta_[3]).bias.fill_(0.5)  # Where the leaky ReLU lets both signs pass.


def new_modulator(work: Work, generator: Generator) -> Modulator:
    """Untrained."""
    model = Modulator(num_layers=generator.num_layers, latent_dim=generator.latent_dim, family=work.family)
    begin(model)
    return model


class _Captions:
    """What edits by captions are: effects of the phrases, of the codes w of the pictures that have captions; rows: of
    these among the codes to edit; asked: the phrases of each prompt, bool [A, P]; prompts."""

    def __init__(self, work: Work, w: Tensor) -> None:
        data = work.data
        captions = [data.captions_of(int(row)) for row in data.training]
        self.rows = np.flatnonzero([len(texts) > 0 for texts in captions])
        said = ({p for i in captions[row] for p in phrases(data.texts[i])} for row in self.rows)
        # The others too, which are rivals of those that are asked for.
        wanted = dict.fromkeys([*(p for text in work.texts for p in phrases(text)), *repeated_phrases(data)])
        own = w if len(self.rows) == len(w) else w[torch.from_numpy(self.rows)]
        self.effects = Effects(own, said, list(wanted))
        index = {phrase: i for i, phrase in enumerate(self.effects.phrases)}
        self.prompts = [text for text in work.texts if phrases(text) and set(phrases(text)) <= index.keys()]
        self.asked = torch.zeros(len(self.prompts), len(index), dtype=torch.bool)
        for row, text in zip(self.asked, self.prompts, strict=True):
            row[[index[phrase] for phrase in phrases(text)]] = True
        self._ask_for_two(np.random.default_rng(work.settings.seed))

    def _ask_for_two(self, rng: np.random.Generator) -> None:
        """As often any two prompts together, of which none is a rival of the other."""
        count = len(self.prompts)
        for first, second in zip(rng.permutation(count), rng.permutation(count), strict=True):
            both = self.asked[first] | self.asked[second]
            if first != second and not bool((self.effects.rivals[both][:, both]).any()):
                self.prompts.append(f"{self.prompts[first]}, {self.prompts[second]}")
                self.asked = torch.cat([self.asked, both[None]])


class _Differences:
    """What pictures have that others have not, in the place of texts' embeddings."""

    def __init__(self, work: Work) -> None:
        tower, encode = work.parts.get("image_encoder"), work.parts["text_encoder"].encode
        if tower is None or len(work.data.training) < 2:
            raise InputError(
                "text_free learns by differences of pictures in CLIP: give two pictures at least and CLIP's whole file."
            )
        with torch.no_grad():
            pieces = np.array_split(work.data.training, max(1, len(work.data.training) // _SEEN))
            seen = [tower.encode(to_network(work.data.pictures[rows], work.device)).float() for rows in pieces]
            self.seen = torch.cat(seen)
            neutral, *words = encode([work.settings.neutral, *_WORDS]).to(work.device)
            self.neutral, self.length = unit(neutral), neutral.norm()
            self.far = (unit(torch.stack(words)) - self.neutral).norm(dim=1).mean()

    def embedding(self, before: Tensor, after: Tensor) -> Tensor:
        """As a text would have that asks for the pictures in these rows [B] in the place of those: [B, D]."""
        asked = direction(self.seen[before.to(self.seen.device)], self.seen[after.to(self.seen.device)])
        return self.length * (self.neutral + self.far * asked)


class _Editing(Player):
    def __init__(self, work: Work, generator: Generator, w: Tensor, captions: _Captions | None) -> None:
        super().__init__("modulator", work.learning(NAME, rates=RATES))
        start = work.parts.get("modulator")
        if start is None:
            self.modulator = new_modulator(work, generator)
        else:
            # Made anew: what ComfyUI moved in inference mode can't learn.
            self.modulator = Modulator(family=start.family, **vars(start.config))
            self.modulator.load_state_dict(start.state_dict())
        self.to(work.device)
        encode = work.parts["text_encoder"].encode
        data, device = work.data, work.device
        self.work, self.start, self.draw, self.w = (work,), (start,), (generator,), (w,)
        self.captions = captions
        prompts = captions.prompts if captions else []
        self.of_pairs = sorted({i for pair in data.training_pairs for i in data.pair_texts(int(pair))})
        taught = {*map(phrases, prompts), *(phrases(data.texts[i]) for i in self.of_pairs)}
        by_clip = start is not None or "image_encoder" in work.parts
        others = [text for text in work.texts if by_clip and phrases(text) not in taught]
        kinds = (others, [data.texts[i] for i in self.of_pairs], prompts)
        self.e = tuple(encode(list(texts)).to(device) if texts else None for texts in kinds)
        self.differences: tuple[_Differences, ...] = (
            (_Differences(work),) if "text_free" in work.weights(NAME) and start is None else ()
        )
        self.pairs = (
            (work.codes("before", data.before), work.codes("after", data.after)) if len(data.before) else None,
        )

    def forward(self, share: Share) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        if self.e[0] is not None:
            found |= self._by_texts(share)
        if self.captions is not None:
            found |= self._by_captions(share, self.captions)
        if self.differences:
            found |= self._by_differences(share)
        if self.pairs[0] is not None:
            found |= self._by_pairs(share)
        return found

    def _by_differences(self, share: Share) -> dict[str, Tensor]:
        work, codes = self.work[0], self.w[0]
        rows = [torch.from_numpy(share.rows(len(codes), name)) for name in ("from", "to")]
        before, after = (codes[each].to(work.device) for each in rows)
        change = self.modulator.modulate(before, self.differences[0].embedding(*rows), torch.float32).delta
        return {"text_free": work.weights(NAME)["text_free"] * text_free(change, after - before)}

    def _by_captions(self, share: Share, captions: _Captions) -> dict[str, Tensor]:
        work, generator = self.work[0], self.draw[0]
        weights = work.weights(NAME)
        texts = self.e[2]
        assert texts is not None  # noqa: S101
        rows = share.rows(len(captions.rows))
        which = share.of(torch.from_numpy(share.rng("phrases").integers(0, len(texts), share.batch)))
        w = self.w[0][torch.from_numpy(captions.rows[rows])].to(work.device)
        e = texts[which.to(work.device)]
        wanted = w + captions.effects.change(torch.from_numpy(rows), captions.asked[which]).to(work.device)
        change = self.modulator.modulate(w, e, torch.float32).delta
        found: dict[str, Tensor] = {}
        if "caption_latent" in weights:
            found["caption_latent"] = weights["caption_latent"] * pair_latent(w + change, wanted)
        if not weights.keys() & {"caption_image", "caption_masked"}:
            return found
        with torch.no_grad(), share.autocast():
            unedited, goal = (generator(codes, noise="const").float() for codes in (w, wanted))
        return found | self._drawn(share, "caption", w + change, unedited, goal, changed_places(unedited, goal))

    def _by_texts(self, share: Share) -> dict[str, Tensor]:
        work, generator = self.work[0], self.draw[0]
        weights = work.weights(NAME)
        texts, start = self.e[0], self.start[0]
        assert texts is not None  # noqa: S101
        w = self.w[0][torch.from_numpy(share.rows(len(self.w[0])))].to(work.device)
        which = share.of(torch.from_numpy(share.rng("texts").integers(0, len(texts), share.batch)))
        e = texts[which.to(work.device)]
        change = self.modulator.modulate(w, e, torch.float32).delta
        if start is not None:
            with torch.no_grad():
                known = start(w, e)
            return (
                {"remembered": weights["remembered"] * (change - known).square().mean()}
                if "remembered" in weights
                else {}
            )
        found: dict[str, Tensor] = {}
        if "latent_l1" in weights:
            found["latent_l1"] = weights["latent_l1"] * latent_l1(change)
        if "latent_l2" in weights:
            found["latent_l2"] = weights["latent_l2"] * latent_l2(change)
        tower, who = work.parts.get("image_encoder"), work.parts.get("identity")
        if tower is None:
            return found
        with share.autocast():
            with torch.no_grad():
                unedited = generator(w, noise="const").float()
            edited = generator(w + change, noise="const").float()
        with torch.no_grad():
            seen_before = tower.encode(unedited)
        seen = tower.encode(edited)
        if "clip" in weights:
            found["clip"] = weights["clip"] * cosine_distance(seen, e)
        if "directional" in weights:
            # The mean of all texts stands for one that says nothing.
            neutral = texts.mean(0, keepdim=True).expand_as(e)
            found["directional"] = weights["directional"] * directional(seen, seen_before, e, neutral)
        if "embedding" in weights:
            found["embedding"] = weights["embedding"] * embedding(seen, seen_before)
        if "identity" in weights and who is not None:
            found["identity"] = weights["identity"] * identity(who.embed, edited, unedited)
        if "background" in weights:
            found["background"] = weights["background"] * background(edited, unedited)
        return found

    def _by_pairs(self, share: Share) -> dict[str, Tensor]:
        work, generator, data = self.work[0], self.draw[0], self.work[0].data
        weights = work.weights(NAME)
        assert self.pairs[0] is not None and self.e[1] is not None  # noqa: S101
        before, after = self.pairs[0]
        pairs = data.training_pairs
        whole = pairs[share.rng("pairs").integers(0, len(pairs), share.batch)]
        rng = share.rng("texts of pairs")
        said = [texts[int(rng.integers(len(texts)))] for texts in map(data.pair_texts, map(int, whole))]
        said = [bisect_left(self.of_pairs, text) for text in said]
        rows = share.of(whole)
        w = before[torch.from_numpy(rows)].to(work.device)
        e = self.e[1][share.of(torch.tensor(said)).to(work.device)]
        change = self.modulator.modulate(w, e, torch.float32).delta
        found: dict[str, Tensor] = {}
        if "pair_latent" in weights:
            wanted = after[torch.from_numpy(rows)].to(work.device)
            found["pair_latent"] = weights["pair_latent"] * pair_latent(w + change, wanted)
        if not weights.keys() & {"pair_image", "pair_masked"}:
            return found
        with torch.no_grad():
            x, goal = (to_network(pictures[rows], work.device) for pictures in (data.before, data.after))
            with share.autocast():
                unedited = generator(w, noise="const").float()
        return found | self._drawn(share, "pair", w + change, unedited, goal, changed_places(x, goal))

    def _drawn(
        self, share: Share, kind: str, codes: Tensor, unedited: Tensor, goal: Tensor, mask: Tensor
    ) -> dict[str, Tensor]:
        """The losses, by pairs or captions, of what is drawn of the codes: within the mask it is to be the goal,
        elsewhere what the generator draws of the code before."""
        weights = self.work[0].weights(NAME)
        goal = mask * goal + (1 - mask) * unedited
        with share.autocast():
            edited = self.draw[0](codes, noise="const").float()
        losses = {f"{kind}_image": pair_image, f"{kind}_masked": pair_masked}
        return {name: weights[name] * loss(edited, goal, mask) for name, loss in losses.items() if name in weights}


def _captions(work: Work, w: Tensor) -> _Captions | None:
    """If blocks begin anew, by captions that say anything five times, and these are to be learnt so."""
    wanted = work.weights(NAME).keys() & {"caption_image", "caption_masked", "caption_latent"}
    if not wanted or "modulator" in work.parts or not len(work.data.training):
        return None
    captions = _Captions(work, w)
    return captions if captions.prompts else None


def _codes_of_pictures(work: Work, generator: Generator) -> Tensor:
    """Codes to edit: of the pictures there are, of those before, or of random ones."""
    data = work.data
    if len(data.training):
        return work.codes("pictures", data.pictures)[torch.from_numpy(data.training)]
    if len(data.before):
        return work.codes("before", data.before)[torch.from_numpy(data.training_pairs)]
    z = torch.randn(2048, generator.z_dim, generator=torch.Generator().manual_seed(work.settings.seed))
    with torch.no_grad():
        return generator.map(z.to(work.device), 0.7).cpu()


def train(work: Work) -> None:
    generator = plain(work.parts["generator"]).to(work.device).eval().requires_grad_(False)

    def sheet(players: Sequence[Player], folder: Path) -> None:
        model, player = players[0].averages["modulator"], players[0]
        assert isinstance(player, _Editing)  # noqa: S101
        others, of_pairs, of_captions = player.e
        kinds = [e for e in (of_pairs, of_captions, others if player.start[0] is None else None) if e is not None]
        if player.differences:
            rows = torch.arange(min(_SHEET, len(player.w[0])))
            kinds.append(player.differences[0].embedding(torch.zeros_like(rows), rows))
        some = [torch.linspace(0, len(e) - 1, min(_SHEET // len(kinds), len(e))).long() for e in kinds]
        e = torch.cat([texts[rows] for texts, rows in zip(kinds, some, strict=True)])
        rows = []
        for w in player.w[0][:8].to(work.device):
            codes = w[None].expand(len(e), -1, -1)
            rows.append(generator(torch.cat([codes[:1], codes + model(codes, e)]), noise="const"))
        save_sheet(rows, folder / "edits.png")

    w = _codes_of_pictures(work, generator)
    captions = _captions(work, w)
    if captions is None and not len(work.data.before) and "image_encoder" not in work.parts:
        raise InputError(
            "No five captions say the same, so edits would be judged by CLIP, but this text encoder's file holds no "
            "image tower: give CLIP's whole file (OpenAI's ViT-B-32.pt, or open_clip's or transformers' ViT-B/32)."
        )
    players = work.fit(
        NAME, lambda: [_Editing(work, generator, w, captions)], lambda players: dict(players[0].averages), sheet
    )
    work.finish(NAME, dict(players[0].averages))
