"""Pictures into a network, changed on the way, and out onto a sheet."""

from __future__ import annotations

from pathlib import Path

import golden
import numpy as np
import torch
from ffclip.ffclip_core.training.pictures import roughen, save_sheet, soften, to_network
from PIL import Image


def test_a_network_gets_channels_first_and_values_from_minus_one_to_one() -> None:
    pictures = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    pictures[0, 0, 0], pictures[1, 2, 3] = 0, 255
    found = to_network(pictures)
    assert found.shape == (2, 3, 3, 4) and found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert golden.error(found.permute(0, 2, 3, 1), torch.from_numpy(pictures / 127.5 - 1).float()) < golden.rounding(2)
    assert (float(found.min()), float(found.max())) == (-1, 1)


def stripes(period: int) -> torch.Tensor:
    return torch.where(torch.arange(32) % period < period // 2, 1.0, -1.0).expand(2, 3, 32, 32)


def test_softened_pictures_lose_their_finest_detail_and_keep_the_rest() -> None:
    fine = [float(soften(stripes(2), np.random.default_rng(i)).std()) for i in range(20)]
    coarse = [float(soften(stripes(16), np.random.default_rng(i)).std()) for i in range(20)]
    assert max(fine) < 0.7 and min(coarse) > 0.7 and len(set(fine)) > 8, "by another amount each time"
    # Half of the size, at least, is left: stripes two pixels wide can still be seen.
    assert min(float(soften(stripes(4), np.random.default_rng(i)).std()) for i in range(60)) > 0.2
    # All pixels are looked at where a picture is made smaller, so that its mean stays.
    grain = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    spread = [float((soften(grain, np.random.default_rng(i)) - grain).mean()) for i in range(20)]
    assert max(map(abs, spread)) < 0.005


def test_roughened_pictures_are_moved_by_two_pixels_at_most_and_some_are_softened() -> None:
    point = torch.zeros(1, 1, 16, 16)
    point[0, 0, 8, 8] = 1
    places, soft = set(), 0
    for seed in range(300):
        x = roughen(point, np.random.default_rng(seed))[0, 0]
        if float(x.max()) < 1:
            soft += 1
        else:
            row, column = divmod(int(x.argmax()), 16)
            places.add((row - 8, column - 8))
    assert places == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    assert 60 < soft < 140, "a third, give or take five standard deviations"


def test_a_sheet_has_its_rows_below_each_other_at_twice_the_size(tmp_path: Path) -> None:
    shades = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 2.0, -0.5]])
    save_sheet([row[:, None, None, None].expand(-1, 3, 4, 5) for row in shades], tmp_path / "sheet.png")
    found = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert found.shape == (2 * 2 * 4, 2 * 3 * 5, 3)
    assert found[4::8, 5::10, 0].tolist() == [[0, 128, 255], [0, 255, 64]]
    assert (found.reshape(2, 8, 3, 10, 3) == found[4::8, 5::10][:, None, :, None]).all()
