"""Links to the pack's folder."""

from __future__ import annotations

from pathlib import Path

from ffclip.bootstrap.links import link, unlink


def test_a_link_leads_to_the_pack_and_goes_without_it(tmp_path: Path) -> None:
    pack, place = tmp_path / "pack", tmp_path / "place"
    pack.mkdir()
    (pack / "file").touch()
    link(pack, place)
    link(pack, place)
    assert (place / "file").exists()
    unlink(place)
    assert not place.exists()
    assert (pack / "file").exists()
