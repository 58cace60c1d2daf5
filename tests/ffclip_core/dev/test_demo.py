"""What the demo leaves, without a ComfyUI."""

from __future__ import annotations

from pathlib import Path

from ffclip.ffclip_core.dev.demo import free_name


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    wanted = tmp_path / "out.png"
    assert free_name(wanted) == wanted
    wanted.touch()
    assert free_name(wanted) == tmp_path / "out-2.png"
    (tmp_path / "out-2.png").touch()
    assert free_name(wanted) == tmp_path / "out-3.png"
