"""The façade on the embedded models, as a Python program uses it."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, Editor, FamilyError, InputError
from ffclip.ffclip_core.editing import layer_gates
from ffclip.ffclip_core.execution.plan import GROUP
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.pictures import prepare
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
    assert golden.error(grid[4:5], editor.edit(w[1:], ["Beard"])) < golden.NETWORKS


def test_the_same_call_twice_gives_the_same_bytes(editor: Editor, samples: torch.Tensor) -> None:
    w = editor.invert(samples[:1])
    first, second = (editor.edit(w, ["Beard"], noise="random", seed=3) for _ in range(2))
    assert torch.equal(first, second)


def test_parts_that_do_not_fit_are_refused(editor: Editor) -> None:
    with pytest.raises(FamilyError, match="18 layers"):
        Editor(editor.generator, editor.encoder, Modulator(num_layers=18, latent_dim=256), editor.text_encoder)


def test_the_readmes_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    monkeypatch.chdir(tmp_path)
    exec(compile(code.group(1), "README.md", "exec"), {})  # noqa: S102
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edit0.png", "edit1.png"]


def test_each_picture_may_have_a_strength_of_its_own(editor: Editor, samples: torch.Tensor) -> None:
    w = editor.invert(samples[:3])
    inversion = editor.synthesize(w)
    mixed = editor.edit(w, ["Bald"], strength=torch.tensor([0.0, 1.0, 0.0]))
    assert torch.equal(mixed[[0, 2]], inversion[[0, 2]]) and not torch.equal(mixed[1], inversion[1])
    assert torch.equal(mixed[1], editor.edit(w, ["Bald"])[1])
    # In a grid a picture's strength goes with all of its prompts.
    grid = editor.edit(w, ["Bald", "Beard"], strength=[0, 1, 2], batching="grid")
    each = editor.edit(w, ["Bald", "Beard"], strength=[0, 0, 1, 1, 2, 2], batching="grid")
    assert torch.equal(grid, each) and torch.equal(grid[0], grid[1]) and not torch.equal(grid[2], grid[3])
    # A sweep: one picture, one prompt, as many results as strengths need pictures.
    sweep = editor.edit(w[:1].expand(5, -1, -1), "Bald", strength=np.linspace(-1, 1, 5))
    assert len({picture.numpy().tobytes() for picture in sweep}) == 5
    with pytest.raises(InputError, match="2 strengths for 3 pictures: give one, or one per picture"):
        editor.edit(w, ["Bald"], strength=[1, 2])
    with pytest.raises(InputError, match="0 codes"):
        editor.edit(w[:0], ["Bald"])


@pytest.mark.parametrize("mode", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
def test_what_it_gives_can_be_changed_and_differentiated(
    mode: Callable[[], Any], editor: Editor, samples: torch.Tensor
) -> None:
    with mode():
        w = editor.invert(samples[:1].clone())  # In inference mode, of a tensor that is one of inference itself.
        edited, drawn = editor.edit(w, "Bald"), editor.synthesize(w)
        streamed = next(editor.stream(w, "Bald"))
    for tensor in (w, edited, drawn, streamed):
        assert not tensor.is_inference() and not tensor.requires_grad
        tensor.add_(0)
    w.requires_grad_()
    editor.generator(w, resolution=16).sum().backward()
    assert w.grad is not None and w.grad.abs().sum() > 0


def test_gradients_reach_codes_texts_and_pictures(editor: Editor, samples: torch.Tensor) -> None:
    w, e = editor.invert(samples[:1]), editor.text_encoder.encode("Bald")
    for tensor in (w, e):
        assert not tensor.is_inference() and not tensor.requires_grad
        tensor.requires_grad_()
    editor.modulator(w, e).square().sum().backward()
    images = samples[:1].clone().requires_grad_()
    editor.encoder(prepare(images, editor.encoder.input_size, "letterbox")).sum().backward()
    for tensor in (w, e, images):
        assert tensor.grad is not None and tensor.grad.isfinite().all() and tensor.grad.abs().sum() > 0


def test_inverting_many_pictures_is_inverting_each(editor: Editor, samples: torch.Tensor) -> None:
    many = samples[[0, 1, 2, 0, 1, 2, 0]]
    codes, one = editor.invert(many), editor.invert(samples[:1])
    assert codes.shape[0] == 7 and golden.error(codes[6:], one) < golden.NETWORKS
    with pytest.raises(InputError, match="0 pictures"):
        editor.invert(samples[:0])
    with pytest.raises(InputError, match="a tensor or a NumPy array, not as list"):
        editor.invert([samples[0]])  # pyright: ignore[reportArgumentType]


def test_the_bars_of_a_letterbox_do_not_push_the_encoder_off(editor: Editor, samples: torch.Tensor) -> None:
    """Of pictures whose sides are cut off, the inversion is nearer to the whole than with bars of plain white."""
    cut = samples.shape[2] // 8
    narrow = samples[:, :, cut:-cut]
    white = torch.nn.functional.pad(narrow, (0, 0, cut, cut), value=1)
    whole = editor.synthesize(editor.invert(samples))
    by_borders, by_white = (
        (editor.synthesize(editor.invert(images, "letterbox")) - whole).norm() for images in (narrow, white)
    )
    assert by_borders < 0.7 * by_white


@torch.inference_mode()
def test_pictures_of_later_groups_have_seeds_of_their_own(editor: Editor, samples: torch.Tensor) -> None:
    """Picture i of a batch of any length is what one picture with the seed + i is."""
    noisy = Editor(copy.deepcopy(editor.generator), editor.encoder, editor.modulator, editor.text_encoder)
    for name, strength in noisy.generator.named_parameters():
        if name.endswith("noise.weight"):
            strength.fill_(0.1)  # The embedded one's are zero.
    w, count = noisy.invert(samples[:1]), 2 * GROUP + 1
    batches = {
        "edit": noisy.edit(w.expand(count, -1, -1), ["Beard"], noise="random", seed=5),
        "stream": torch.cat(list(noisy.stream(w, ["Beard"] * count, noise="random", seed=5))),
        "draw": noisy.synthesize(w.expand(count, -1, -1), noise="random", seed=5),
    }
    for way, pictures in batches.items():
        strength = 0 if way == "draw" else 1
        for i in (0, 1, GROUP, count - 1):
            alone = noisy.edit(w, ["Beard"], strength=strength, noise="random", seed=5 + i)
            assert golden.error(pictures[i : i + 1], alone) < golden.NETWORKS, (way, i)
        assert golden.error(pictures[:1], pictures[GROUP : GROUP + 1]) > 100 * golden.NETWORKS
    ways = {
        "edit": lambda **seed: noisy.edit(w, ["Beard"], noise="random", **seed),
        "stream": lambda **seed: next(noisy.stream(w, ["Beard"], noise="random", **seed)),
        "draw": lambda **seed: noisy.synthesize(w, noise="random", **seed),
    }
    for name, way in ways.items():
        assert torch.equal(way(), way(seed=0)) and not torch.equal(way(), way(seed=1)), name
