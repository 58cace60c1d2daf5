"""What is trained follows from what is there; what is missing is named."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.training.plan import make_plan
from ffclip.ffclip_core.training.settings import read_settings

ALL = {"generator": "g.pt", "encoder": "e.pt", "text_encoder": "c.pt", "image_encoder": "c.pt"}


def data(pictures: int = 0, captions: int = 0, pairs: int = 0) -> Any:
    return SimpleNamespace(
        pictures=np.zeros((pictures, 1)),
        before=np.zeros((pairs, 1)),
        training=np.arange(pictures),
        captions_of=lambda i: (0,) * (i < captions),
        texts=["a cat"] * captions,
        size=64,
    )


def stages(given: Mapping[str, str], texts: int = 0, minutes: float = 10, **there: int) -> tuple[str, ...]:
    plan = make_plan(read_settings(minutes=minutes, preset="quick"), cast(Any, data(**there)), given, texts)
    assert sum(plan.minutes.values()) == pytest.approx(0.95 * minutes)
    assert len(plan.why) == len(plan.stages)
    return plan.stages


def test_the_cases_of_the_documentation() -> None:
    without = {kind: file for kind, file in ALL.items() if kind != "encoder"}
    assert stages(ALL, texts=3) == ("modulator",)
    assert stages(without, texts=3) == ("encoder", "modulator")
    assert stages({}, texts=8, pictures=9, captions=9) == ("text", "autoencoder", "modulator")
    assert stages({**ALL, "modulator": "m"}, pairs=4) == ("modulator",)
    text_only = {"text_encoder": "c.pt"}
    assert stages(text_only, pictures=9, pairs=4) == ("autoencoder", "modulator")


def test_of_drawings_all_parts_are_trained_together() -> None:
    settings = read_settings(minutes=10, preset="quick")
    plan = make_plan(settings, cast(Any, data(pictures=9, captions=9)), {}, 3, drawn=True)
    assert plan.stages == ("text", "drawn_generator", "drawn_encoder", "drawn_modulator")
    assert sum(plan.minutes.values()) == pytest.approx(9.5)


def test_pictures_alone_are_enough_where_their_differences_are_asked_for() -> None:
    free = read_settings(preset="quick", modulator={"losses": {"text_free": 1.0}})
    plan = make_plan(free, cast(Any, data(pictures=9)), ALL, 0)
    assert plan.stages == ("modulator",) and "differences of 9 pictures" in plan.why[0]
    without = {kind: file for kind, file in ALL.items() if kind != "image_encoder"}
    for given, pictures in ((without, 9), (ALL, 1)):
        with pytest.raises(InputError, match="text_free: 1"):
            make_plan(free, cast(Any, data(pictures=pictures)), given, 0)


@pytest.mark.parametrize(
    ("given", "there", "texts", "named"),
    [
        ({}, {"pictures": 9}, 0, "NAME.txt"),
        ({"text_encoder": "c"}, {"pairs": 4}, 0, "no pictures to learn one from"),
        ({"text_encoder": "c", "encoder": "e"}, {"pictures": 9}, 3, "--generator"),
        ({kind: "f" for kind in ("generator", "encoder", "text_encoder")}, {}, 3, "no image tower"),
        (ALL, {"pictures": 9}, 0, "no texts to learn edits by"),
        ({**ALL, "modulator": "m"}, {"pictures": 9}, 3, "NAME.before.png"),
    ],
)
def test_what_is_missing(given: Mapping[str, str], there: dict[str, int], texts: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        make_plan(read_settings(preset="quick"), cast(Any, data(**there)), given, texts)
