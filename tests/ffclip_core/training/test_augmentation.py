"""Adaptive augmentation: what is changed, how often, and how p is led."""

from __future__ import annotations

import math

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.training.losses.augmentation import AugmentationControl, Changes, augment, draw_changes
from torch import Tensor

COUNT = 20_000


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(*shape: int) -> Tensor:
    return torch.randn(shape, generator=stream(7)).tanh()


def share(values: Tensor, expected: float) -> None:
    """As many as that, by chance."""
    chance = math.sqrt(expected * (1 - expected) / COUNT)
    assert float(values.double().mean()) == pytest.approx(expected, abs=5 * chance)


def spread(values: Tensor, deviation: float) -> None:
    """Numbers of a normal distribution about 0 with this deviation, by chance."""
    assert abs(float(values.mean())) < 5 * deviation / math.sqrt(COUNT)
    assert float(values.std()) == pytest.approx(deviation, rel=5 / math.sqrt(2 * COUNT))


@pytest.mark.parametrize("size", [(8, 8), (5, 9)])
def test_with_p_0_a_picture_is_the_same_bit_for_bit(size: tuple[int, int]) -> None:
    x = pictures(3, 3, *size)
    assert torch.equal(augment(x, draw_changes(3, 0.0, size, stream())), x)


def test_changes_follow_from_the_stream_alone_and_a_process_takes_its_slice() -> None:
    x, before = pictures(6, 3, 8, 12), torch.get_rng_state()
    changes = draw_changes(6, 0.7, (8, 12), stream())
    whole = augment(x, changes)
    assert torch.equal(whole, augment(x, draw_changes(6, 0.7, (8, 12), stream())))
    assert not torch.equal(whole, augment(x, draw_changes(6, 0.7, (8, 12), stream(1))))
    assert torch.equal(whole[2:4], augment(x[2:4], changes[2:4])), "one picture's changes are no other's"
    assert torch.equal(before, torch.get_rng_state())
    after = []
    for p in (0.0, 0.3, 1.0):
        draw = stream()
        draw_changes(6, p, (8, 12), draw)
        after.append(draw.get_state())
    assert torch.equal(after[0], after[1]) and torch.equal(after[0], after[2])


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ([[-1.0, 0, 0], [0, 1, 0]], lambda x: x.flip(3)),
        ([[0.0, 1, 0], [-1, 0, 0]], lambda x: x.rot90(-1, (2, 3))),
        ([[1.0, 0, 2], [0, 1, -1]], lambda x: torch.cat([x[:, :, :1], x[:, :, :5]], 2)[..., [2, 3, 4, 5, 5, 4]]),
    ],
)
def test_flips_quarter_turns_and_whole_shifts_are_exact(place: list[list[float]], expected: object) -> None:
    x = pictures(1, 3, 6, 6)
    changes = Changes(torch.tensor([place]), torch.eye(3, 4)[None])
    assert torch.equal(augment(x, changes), expected(x))  # pyright: ignore[reportCallIssue]


def test_pictures_are_sampled_between_their_pixels_and_mirrored_beyond_them() -> None:
    """Against plain loops, for all kinds of changes at once."""
    x, height, width = pictures(4, 3, 5, 7).double(), 5, 7
    changes = draw_changes(4, 1.0, (height, width), stream(2))
    expected = np.zeros(x.shape)

    def at(picture: np.ndarray, row: int, column: int) -> np.ndarray:
        row, column = row % (2 * height), column % (2 * width)
        return picture[:, min(row, 2 * height - 1 - row), min(column, 2 * width - 1 - column)]

    for i in range(4):
        picture, place, colour = (each[i].double().numpy() for each in (x, changes.places, changes.colours))
        for row in range(height):
            for column in range(width):
                u, v = place @ (column - 3, row - 2, 1) + (3, 2)
                left, top = math.floor(u), math.floor(v)
                u, v = u - left, v - top
                near = [[at(picture, top + j, left + k) for k in (0, 1)] for j in (0, 1)]
                value = (1 - v) * ((1 - u) * near[0][0] + u * near[0][1]) + v * ((1 - u) * near[1][0] + u * near[1][1])
                expected[i, :, row, column] = colour @ (*value, 1)
    assert golden.error(augment(x, changes), torch.from_numpy(expected)) < 1e-9


def test_gradients_go_through_and_through_their_gradients() -> None:
    changes = draw_changes(2, 1.0, (3, 4), stream(4))
    x = pictures(2, 3, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augment(x, changes), x, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: augment(x, changes).square(), x, fast_mode=True)


def test_geometry_has_the_published_spreads() -> None:
    places = draw_changes(COUNT, 1.0, (64, 64), stream()).places.double()
    linear = places[:, :, :2]
    share(torch.linalg.det(linear) < 0, 0.5)
    sizes = torch.linalg.svdvals(linear).log()
    spread(sizes.mean(1), 0.2 * math.log(2))  # Scaling alone: sides that are stretched keep their area.
    stretched = (sizes[:, 0] - sizes[:, 1]) / 2
    assert float(stretched.square().mean().sqrt()) == pytest.approx(0.2 * math.log(2), rel=5 / math.sqrt(2 * COUNT))
    angles = torch.atan2(linear[:, 1, 0], linear[:, 0, 0])
    for turn in (1, 2, 4):  # All directions alike.
        assert abs(float((turn * angles).cos().mean())) < 5 / math.sqrt(2 * COUNT)


def test_shifts_have_the_published_spreads() -> None:
    wide = draw_changes(COUNT, 0.03, (64, 128), stream()).places
    moved = wide[(wide[:, :, :2] == torch.eye(2)).flatten(1).all(1)][:, :, 2]
    whole = moved[moved.any(1) & (moved == moved.round()).all(1)]
    part = moved[(moved != moved.round()).all(1)]
    assert len(whole) > 200 and len(part) > 200
    assert whole.abs().amax(0).tolist() == pytest.approx([16, 8], abs=1)
    assert part.std(0).tolist() == pytest.approx([16, 8], rel=0.25)


def test_colours_have_the_published_spreads() -> None:
    colours = draw_changes(COUNT, 1.0, (8, 8), stream()).colours.double()
    linear, offset = colours[:, :, :3], colours[:, :, 3]
    white = linear.sum(2)
    assert golden.error(white, white.mean(1, keepdim=True).expand(-1, 3)) < 1e-6, "gray stays gray"
    gray = white.mean(1)
    share(gray < 0, 0.5)
    spread(gray.abs().log(), 0.5 * math.log(2))
    spread((offset / white).mean(1), 0.2)
    across = linear - gray[:, None, None] / 3
    strength = (across.square().sum((1, 2)) / 2).sqrt()
    spread((strength / gray.abs()).log(), math.log(2))
    turned = across / strength[:, None, None]
    plane = (torch.eye(3) - 1 / 3).expand(COUNT, -1, -1)
    assert golden.error(turned @ turned.mT, plane) < 1e-6, "a turned hue is as strong"
    hue = torch.atan2((turned[:, 1, 0] - turned[:, 0, 1]) * 3**0.5 / 2, turned.diagonal(dim1=1, dim2=2).sum(1) / 2)
    assert abs(float(hue.cos().mean())) < 5 / math.sqrt(2 * COUNT)
    assert float(hue.abs().mean()) == pytest.approx(math.pi / 2, rel=0.02)


def test_what_is_not_changed_is_the_likeliest_so_nothing_leaks() -> None:
    """Each kind leaves a picture as it is with more than the chance of any other member of its group, so the mean of
    the group's operators can be inverted (section 2.2); all kinds together leave as many as told."""
    p = 0.3
    changes = draw_changes(COUNT, p, (4, 4), stream())  # So small that whole shifts are none.
    same = (changes.places == torch.eye(2, 3)).flatten(1).all(1)
    share(same, (1 - p / 2) * (1 - 3 * p / 4) * (1 - p) ** 4)  # Flip; turns; scale, rotations, stretch, shift.
    share((changes.colours == torch.eye(3, 4)).flatten(1).all(1), (1 - p / 2) * (1 - p) ** 4)
    for p in (0.3, 0.8):
        drawn = draw_changes(COUNT, p, (4, 4), stream(1))
        share(torch.linalg.det(drawn.places[:, :, :2]) < 0, p / 2)
        mean = drawn.colours.double().mean(0)
        contrast, saturation = (math.exp((s * math.log(2)) ** 2 / 2) for s in (0.5, 1.0))
        least = (1 - p) * (1 + p * (contrast - 1))  # Of gray, which is flipped; hues are turned any way.
        assert float(mean[:, :3].sum() / 3) == pytest.approx(least, abs=0.05)
        assert float(torch.linalg.eigvals(mean[:, :3]).abs().min()) > 0.9 * min(
            least, (1 - p) * (1 + p * (contrast - 1)) * (1 + p * (saturation - 1))
        )


def test_wrong_numbers_are_told() -> None:
    with pytest.raises(ValueError, match=r"0 to 1, not 1\.5"):
        draw_changes(2, 1.5, (8, 8), stream())
    with pytest.raises(ValueError, match="changes for 3 pictures, but 2"):
        augment(pictures(2, 3, 8, 8), draw_changes(3, 0.5, (8, 8), stream()))


def logits(real: int, drawn: int) -> Tensor:
    """Of so many pictures that are taken for real, and so many that are not."""
    return torch.tensor([0.5] * real + [-3.0] * drawn)


def test_p_follows_how_sure_the_discriminator_is_of_real_pictures() -> None:
    control = AugmentationControl(every=2, pictures=200)
    seen = []
    for real in (10, 10, 9, 7, 8, 7, 10, 0, 9, 8):  # r of two batches each: 1, .6 or so, .5, 0, .7.
        control.update(logits(real, 10 - real))
        seen.append(round(float(control.p), 4))
    # Up by 20 pictures of 200; .6 itself is neither above nor below; down; not below 0; up.
    assert seen[:2] == [0.0, 0.1] and seen[5] == pytest.approx(seen[3] - 0.1) and seen[9] == pytest.approx(0.1)
    assert seen[7] == 0.0


def test_p_stays_where_nothing_leaks_and_goes_on_where_it_was() -> None:
    control, other = AugmentationControl(pictures=100), AugmentationControl(pictures=100)
    for _ in range(7):
        control.update(logits(8, 0))
    assert float(control.p) == pytest.approx(0.32)
    other.load_state_dict(control.state_dict())
    other.update(logits(8, 0))
    assert float(other.p) == pytest.approx(0.64)
    for _ in range(20):
        other.update(logits(8, 0))
    assert float(other.p) == pytest.approx(0.8)
