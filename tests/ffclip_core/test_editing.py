"""The arithmetic of edits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from ffclip.ffclip_core import FamilyError, InputError
from ffclip.ffclip_core.editing import apply_edit, check_family, combine, layer_gates


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
