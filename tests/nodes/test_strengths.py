"""Strength as a number, and as one per picture: sweeps and videos."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

SWEEP = [0.0, 0.5, 1.0, -2.0]


def differ(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", [list, tuple, np.array, np.float16, torch.tensor], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["strength", "strengths"])
def test_one_picture_gives_one_result_per_strength(chain, sample, kind, name: str) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(sample), chain.encode("Purple hair")
    edited, alignment = chain.modulate(latent, embedding, **{name: kind(SWEEP)})
    assert edited.w.shape == (4, latent.num_layers, latent.latent_dim) and len(alignment) == 1
    assert torch.equal(edited.w[0], latent.w[0])
    assert torch.equal(edited.unedited, latent.w.expand(4, -1, -1))
    for w, strength in zip(edited.w[1:], SWEEP[1:], strict=True):
        # Three roundings to float32, of numbers that w may be a hundredth of.
        assert differ(w, chain.modulate(latent, embedding, strength)[0].w[0]) < 3 * 100 * 2**-24
    assert chain.synthesize(edited).shape[0] == 4


def test_the_frames_of_a_video_have_a_strength_each(chain, sample) -> None:  # noqa: ANN001
    frames = torch.cat([sample, sample * 0.9, sample * 0.8])
    latent, embedding = chain.invert(frames), chain.encode("Bald")
    edited, alignment = chain.modulate(latent, embedding, strengths=[0, 1.5, 0])
    whole = chain.modulate(latent, embedding, strength=1.5)[0].w
    assert torch.equal(edited.w[[0, 2]], latent.w[[0, 2]]) and len(alignment) == 3
    assert differ(edited.w[1], whole[1]) < 3 * 100 * 2**-24


def test_each_of_several_prompts_has_one_too(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(sample)
    edited, _ = chain.modulate(latent, chain.encode("Bald\nBeard"), strengths=(1.0, 0.0))
    assert torch.equal(edited.w[1], latent.w[0]) and not torch.equal(edited.w[0], latent.w[0])


def test_in_a_grid_each_picture_has_one_for_all_its_prompts(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(torch.cat([sample, sample * 0.9]))
    edited, _ = chain.modulate(latent, chain.encode("Bald\nBeard\nSad"), batching="grid", strengths=[0.0, 1.0])
    changed = (edited.w != edited.unedited).flatten(1).any(dim=1)
    assert changed.tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    "single", [2, np.float32(2), np.float64(2), torch.tensor(2.0), [2.0], np.array(2), np.array([2])]
)
def test_a_single_number_is_for_all_whatever_its_type(chain, sample, single: object) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(torch.cat([sample, sample * 0.9])), chain.encode("Bald")
    expected = chain.modulate(latent, embedding, strength=2.0)[0].w
    assert differ(chain.modulate(latent, embedding, strengths=single)[0].w, expected) < 3 * 100 * 2**-24


def test_strengths_stand_in_strength_s_place(chain, sample) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(sample), chain.encode("Bald")
    assert torch.equal(chain.modulate(latent, embedding, strength=3.0, strengths=[0.0])[0].w, latent.w)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([1.0, 1.0], "2 strengths for 3 pictures"),
        ([], "0 strengths for 3 pictures"),
        ([1.0, math.nan, 1.0], "Strength 1, counted from 0, is a number such as 1.0, not nan"),
        (torch.tensor([1.0, 1.0, math.inf]), r"The strengths hold the value inf \(number 2"),
        (np.array([math.nan] * 3), r"The strengths hold the value nan \(number 0"),
        (math.inf, "The strength is a number such as 1.0, not inf"),
        ("1, 2, 3", "The strength is a number such as 1.0, not 1, 2, 3"),
        ({"1": 1}, "The strength is a number such as 1.0, not"),
        ([[1.0], [1.0], [1.0]], "Strength 0, counted from 0, is a number such as 1.0, not"),
        (torch.ones(3, 1), "one number, or one per picture"),
        (torch.ones(3, dtype=torch.bool), "Strengths are numbers such as 1.0, not torch.bool"),
        (True, "The strength is a number such as 1.0, not True"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["strength", "strengths"])
def test_other_counts_and_what_is_no_number_are_refused(chain, sample, name: str, given: object, says: str) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    latent = chain.invert(torch.cat([sample] * 3))
    with pytest.raises(InputError, match=says) as caught:
        chain.modulate(latent, chain.encode("Bald"), **{name: given})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [[], [math.nan, 1.0], "12", torch.ones(2, 1)], ids=str)
def test_a_single_picture_takes_no_less_care(chain, sample, given: object) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    with pytest.raises(InputError):
        chain.modulate(chain.invert(sample), chain.encode("Bald"), strengths=given)
