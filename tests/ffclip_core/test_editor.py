"""The façade on the embedded models, as a Python program uses it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, Editor, FamilyError
from ffclip.ffclip_core.editing import layer_gates
from ffclip.ffclip_core.modulation import Modulator
from PIL import Image

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.from_folder()


@pytest.fixture(scope="module")
def samples() -> torch.Tensor:
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((EMBEDDED / "samples").glob("*.png"))]
    return torch.from_numpy(np.stack(pictures)).float() / 255


def test_strength_0_is_the_inversion_bit_for_bit(editor: Editor, samples: torch.Tensor) -> None:
    w = editor.invert(samples)
    inversion = editor.synthesize(w)
    assert torch.equal(editor.edit(w, ["Bald"], strength=0), inversion)
    assert torch.equal(editor.edit(w, ["Bald"], gates=layer_gates(10, 0, 0, 0)), inversion)
    assert not torch.equal(editor.edit(w, ["Bald"]), inversion)


def test_inversions_look_like_their_pictures(editor: Editor, samples: torch.Tensor) -> None:
    inversions = editor.synthesize(editor.invert(samples))
    small = torch.nn.functional.interpolate(samples.permute(0, 3, 1, 2), size=(64, 64), mode="area").permute(0, 2, 3, 1)
    distances = (inversions[:, None] - small[None]).abs().mean((2, 3, 4))
    assert distances.argmin(1).tolist() == list(range(len(samples)))


def test_a_prompt_reddens_the_hair(editor: Editor, samples: torch.Tensor) -> None:
    w = editor.invert(samples)
    red, blue = (editor.edit(w, [prompt]) for prompt in ("red hair", "blue hair"))
    top = slice(2, 20)
    assert ((red - blue)[:, top, 16:48, 0].mean((1, 2)) > 0.02).all()
    assert ((red - blue)[:, top, 16:48, 2].mean((1, 2)) < -0.02).all()


def test_a_grid_gives_every_picture_every_prompt(editor: Editor, samples: torch.Tensor) -> None:
    w = editor.invert(samples[:2])
    grid = editor.edit(w, ["Bald", "Beard", "Sad"], batching="grid")
    assert grid.shape == (6, 64, 64, 3) and grid.dtype == torch.float32
    assert torch.allclose(grid[4], editor.edit(w[1:], ["Beard"])[0], atol=1e-5)


def test_the_same_call_twice_gives_the_same_bytes(editor: Editor, samples: torch.Tensor) -> None:
    w = editor.invert(samples[:1])
    first, second = (editor.edit(w, ["Beard"], noise="random", seed=3) for _ in range(2))
    assert torch.equal(first, second)


def test_parts_that_do_not_fit_are_refused(editor: Editor) -> None:
    with pytest.raises(FamilyError, match="18 layers"):
        Editor(editor.generator, editor.encoder, Modulator(18, 256), editor.text_encoder)


def test_the_readmes_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    monkeypatch.chdir(tmp_path)
    exec(compile(code.group(1), "README.md", "exec"), {})  # noqa: S102
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edit0.png", "edit1.png"]
