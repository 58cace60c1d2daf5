"""The arithmetic of edits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import FamilyError, InputError
from ffclip.ffclip_core.editing import apply_edit, check_family, combine, layer_gates, strengths


def rows(count: int) -> torch.Tensor:
    return torch.arange(count).float()[:, None, None]


def test_gates_cover_coarse_medium_and_fine_layers() -> None:
    assert layer_gates(10, 1, 2, 3).tolist() == [1] * 4 + [2] * 4 + [3] * 2
    assert layer_gates(18, 0, 0, 1).sum() == 10
    assert layer_gates(4, 1, 2, 3).tolist() == [1] * 4


@pytest.mark.parametrize(
    ("pictures", "prompts", "batching", "codes", "texts"),
    [
        (1, 1, "pair", [0], [0]),
        (3, 3, "pair", [0, 1, 2], [0, 1, 2]),
        (1, 3, "pair", [0, 0, 0], [0, 1, 2]),
        (3, 1, "pair", [0, 1, 2], [0, 0, 0]),
        (2, 3, "grid", [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]),
        (3, 3, "grid", [0] * 3 + [1] * 3 + [2] * 3, [0, 1, 2] * 3),
    ],
)
def test_which_code_meets_which_prompt(pictures: int, prompts: int, batching: str, codes: list, texts: list) -> None:
    w, e, index = combine(rows(pictures), rows(prompts)[:, 0], batching)
    assert w.flatten().tolist() == codes and e.flatten().tolist() == texts and index == texts


def test_counts_without_partners_and_unknown_batching_are_refused() -> None:
    with pytest.raises(InputError, match="2 pictures and 3 prompts do not pair up"):
        combine(rows(2), rows(3)[:, 0])
    with pytest.raises(InputError, match="pair or grid, not 'all'"):
        combine(rows(2), rows(2)[:, 0], "all")


def test_strength_and_gates_scale_the_change() -> None:
    w, delta = torch.randn(2, 10, 4), torch.randn(2, 10, 4)
    assert apply_edit(w, delta, 0) is w
    assert torch.equal(apply_edit(w, delta), w + delta)
    assert torch.equal(apply_edit(w, delta, -2), w - 2 * delta)
    edited = apply_edit(w, delta, 1, layer_gates(10, 0, 1, 0))
    assert torch.equal(edited[:, :4], w[:, :4]) and torch.equal(edited[:, 8:], w[:, 8:])
    assert torch.equal(edited[:, 4:8], (w + delta)[:, 4:8])


def part(**values: object) -> SimpleNamespace:
    return SimpleNamespace(**{"num_layers": 10, "latent_dim": 256, "family": None, **values})


def test_parts_of_different_families_are_refused_with_both_sides_named() -> None:
    check_family(encoder=part(), generator=part(), modulator=part(text_dim=256), text_encoder=part(embed_dim=256))
    check_family(encoder=part(family="avatars"), generator=part())
    with pytest.raises(FamilyError, match=r"encoder gives 18 layers \(1024 px\).*generator takes 10 layers \(64 px\)"):
        check_family(encoder=part(num_layers=18), generator=part())
    with pytest.raises(FamilyError, match="width 512.*width 256"):
        check_family(generator=part(latent_dim=512), modulator=part(text_dim=512))
    with pytest.raises(FamilyError, match="embeddings of 512 values.*takes 256"):
        check_family(modulator=part(text_dim=256), text_encoder=part(embed_dim=512))
    with pytest.raises(FamilyError, match="family 'cars'.*family 'faces'"):
        check_family(encoder=part(family="cars"), generator=part(family="faces"))


@pytest.mark.parametrize(
    "given",
    [
        [0.5, 0, -2],
        (0.5, 0, -2),
        np.array([0.5, 0, -2], np.float16),
        torch.tensor([0.5, 0, -2]),
        torch.tensor([0.5, 0, -2], dtype=torch.float64),
        [torch.tensor(0.5), np.float64(0), -2],
    ],
)
def test_each_row_may_have_a_strength_of_its_own(given: Any) -> None:
    w, delta = torch.randn(3, 10, 4), torch.randn(3, 10, 4)
    w[1, 0, 0] = -0.0  # Which 0 added to it would make 0.0.
    gates = layer_gates(10, 1, 0, 0.5)
    for layers in (None, gates):
        edited = apply_edit(w, delta, given, layers)
        for i, strength in enumerate((0.5, 0, -2)):
            assert torch.equal(edited[i], apply_edit(w[i : i + 1], delta[i : i + 1], strength, layers)[0])
        assert edited[1].numpy().tobytes() == w[1].numpy().tobytes()
    assert edited[:, 4:8].contiguous().numpy().tobytes() == w[:, 4:8].contiguous().numpy().tobytes()


@pytest.mark.parametrize("given", [2, 2.0, np.float32(2), np.array(2.0), torch.tensor(2), torch.tensor([2.0]), [2]])
def test_one_strength_is_for_all(given: Any) -> None:
    w, delta = torch.randn(3, 10, 4), torch.randn(3, 10, 4)
    assert torch.equal(apply_edit(w, delta, given), w + 2 * delta)


@pytest.mark.parametrize(
    ("strength", "says"),
    [
        (math.nan, "strength is a number such as 1.0, not nan"),
        (-math.inf, "not -inf"),
        (None, "not None"),
        ("2", "not 2"),
        (True, "not True"),
        (10**400, "The strength is a number"),
        ([1, math.nan, 1, 1, 1], "Strength 1, counted from 0, is a number such as 1.0, not nan"),
        ([1, None, 1, 1, 1], "not None"),
        (torch.tensor([0, 0, 0, 0, math.inf]), r"strengths hold the value inf \(number 4"),
        (np.array([math.nan]), "strengths hold the value nan"),
        (torch.ones(3), "3 strengths for 5 pictures: give one, or one per picture"),
        ([], "0 strengths for 5 pictures"),
        (torch.ones(5, 1), r"not the shape \[5, 1\]"),
        (torch.ones(5, dtype=torch.bool), "not torch.bool"),
        (np.array(["1"] * 5), "Strengths are numbers such as 1.0, not <U1"),
        (torch.ones(5, dtype=torch.complex64), "not torch.complex64"),
        (1e39, "edited codes hold the value"),
    ],
)
def test_what_is_no_strength_is_refused(strength: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        apply_edit(torch.ones(5, 10, 4), torch.ones(5, 10, 4), strength)


@pytest.mark.parametrize("name", ["coarse", "medium", "fine"])
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_gates_are_finite_numbers(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"gate of the {name} layers is a number such as 1.0, not {value}"):
        layer_gates(10, **{name: value})


def test_nan_and_infinity_are_named_with_their_place() -> None:
    good, bad = torch.zeros(2, 10, 4), torch.zeros(2, 10, 4)
    bad[1, 3, 2] = math.nan
    place = r"hold the value nan \(row 1, layer 3, channel 2, counted from 0\)"
    with pytest.raises(InputError, match=f"codes {place}"):
        apply_edit(bad, good)
    with pytest.raises(InputError, match=f"changes {place}"):
        apply_edit(good, bad)
    with pytest.raises(InputError, match=r"gates hold the value inf \(number 9"):
        apply_edit(good, good, 1, torch.tensor([1.0] * 9 + [math.inf]))
    with pytest.raises(InputError, match=r"codes hold the value nan \(picture 1, layer 3"):
        combine(bad, torch.zeros(1, 4))
    with pytest.raises(InputError, match=r"text embeddings hold the value -inf \(prompt 0, channel 1"):
        combine(good, torch.tensor([[0, -math.inf]]))


@pytest.mark.parametrize(
    ("gates", "says"),
    [
        (1.0, "Gates are numbers such as 1.0, not float"),
        ([1.0] * 9, r"one value for each of the 10 layers, not the shape \[9\]"),
        ([1.0] * 9 + [None], "Gate 9, counted from 0, is a number such as 1.0, not None"),
        (torch.ones(10, dtype=torch.bool), "Gates are numbers such as 1.0, not torch.bool"),
    ],
)
def test_what_are_no_gates_is_refused(gates: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        apply_edit(torch.zeros(2, 10, 4), torch.zeros(2, 10, 4), 1, gates)


def test_gates_may_be_any_numbers() -> None:
    w, delta = torch.randn(2, 10, 4), torch.randn(2, 10, 4)
    gates = layer_gates(10, 0, 1, 0.5)
    for given in (gates.tolist(), gates.numpy(), gates.double(), tuple(gates.tolist())):
        assert torch.equal(apply_edit(w, delta, 2, given), apply_edit(w, delta, 2, gates))


def test_a_strength_can_be_learnt_from_0_on() -> None:
    w, delta = torch.randn(2, 10, 4, requires_grad=True), torch.randn(2, 10, 4, requires_grad=True)
    strength = torch.zeros(2, requires_grad=True)
    apply_edit(w, delta, strength, layer_gates(10)).sum().backward()
    of_strength, of_w, of_delta = (tensor.grad for tensor in (strength, w, delta))
    assert of_strength is not None and golden.error(of_strength, delta.sum((1, 2))) < golden.OPERATORS
    assert of_w is not None and torch.equal(of_w, torch.ones_like(w))
    assert of_delta is not None and torch.equal(of_delta, torch.zeros_like(delta))  # The strength is 0.


def test_a_grid_takes_a_strength_for_each_picture_or_each_result() -> None:
    def each(given: Sequence[float], **counts: int) -> list[float]:
        found = strengths(given, **counts)
        assert isinstance(found, torch.Tensor)
        return found.tolist()

    assert each([1, 2], edits=6, pictures=2) == [1, 1, 1, 2, 2, 2]
    assert each(range(6), edits=6, pictures=2) == [*range(6)]
    assert each([1, 2, 3], edits=3, pictures=1) == [1, 2, 3]
    with pytest.raises(InputError, match=r"4 strengths for 2 pictures: .* one per picture \(or one per edit, 6\)"):
        strengths([1] * 4, edits=6, pictures=2)
