"""The picture of every step in docs/pictures.md."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from ffclip.ffclip_core.training import plot_steps
from PIL import Image

MIA = Path(__file__).parents[3] / "models" / "avatars" / "samples" / "mia.png"


def test_six_steps_side_by_side_the_last_edited_where_the_mask_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [str(tmp_path / "steps.png"), "--picture", str(MIA), "--prompt", "green hair"]
    monkeypatch.setattr(sys, "argv", ["plot_steps", *arguments])
    plot_steps.main()
    sheet = np.asarray(Image.open(tmp_path / "steps.png")).astype(int)
    side, step = plot_steps.SIDE, plot_steps.SIDE + plot_steps.GAP
    assert sheet.shape == (side, 6 * step - plot_steps.GAP, 3)
    mask, after = (sheet[:, i * step : i * step + side] for i in (4, 5))
    before = np.asarray(Image.open(MIA).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)).astype(int)
    off = np.abs(after - before).max(-1)
    assert off[mask[..., 0] > 200].mean() > 60 > 2 > off[mask[..., 0] == 0].mean()


def test_a_picture_without_a_face_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (90, 90), "gray").save(tmp_path / "gray.png")
    monkeypatch.setattr(
        sys, "argv", ["plot_steps", str(tmp_path / "steps.png"), "--picture", str(tmp_path / "gray.png")]
    )
    with pytest.raises(SystemExit, match="No face was found"):
        plot_steps.main()
    assert not (tmp_path / "steps.png").exists()
