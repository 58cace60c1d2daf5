"""Any picture in, the same picture out, of which only what the text is about has changed."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import Editor, Face, InputError
from ffclip.ffclip_core.faces import in_place
from ffclip.ffclip_core.families import installed_families
from PIL import Image
from torch import Tensor


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.from_folder()


def avatar(name: str, side: int) -> Tensor:
    with Image.open(installed_families()[0].samples[name]) as picture:
        return torch.from_numpy(np.asarray(picture.convert("RGB").resize((side, side)), np.float32) / 255)


@pytest.fixture(scope="module")
def two() -> Tensor:
    """Two people beside each other, on a wall: [1, 200, 420, 3]."""
    picture = torch.full((1, 200, 420, 3), 0.8)
    picture[:, 20:180, 20:180] = avatar("ava", 160)
    picture[:, 40:160, 270:390] = avatar("leo", 120)
    return picture


def test_strength_0_is_the_picture_bit_for_bit(editor: Editor, two: Tensor) -> None:
    assert torch.equal(editor.edit_in_place(two, "purple hair", strength=0.0), two)


def test_the_largest_face_alone_changes(editor: Editor, two: Tensor) -> None:
    result = editor.edit_in_place(two, "purple hair")
    assert torch.equal(result[:, :, 230:], two[:, :, 230:])
    assert not torch.equal(result, two)


def test_faces_are_counted_from_the_left(editor: Editor, two: Tensor) -> None:
    result = editor.edit_in_place(two, "purple hair", faces=1)
    assert torch.equal(result[:, :, :230], two[:, :, :230])
    assert not torch.equal(result, two)
    with pytest.raises(InputError, match="no face number 2: the pictures have at most 2 faces, numbers 0 to 1"):
        editor.edit_in_place(two, "purple hair", faces=2)


def test_a_text_for_each_face(editor: Editor, two: Tensor) -> None:
    result = editor.edit_in_place(two, ["purple hair", "wearing glasses"], faces="all")
    single = editor.edit_in_place(two, "wearing glasses", faces=1)
    # Drawn in a batch of two and alone: ten layers of sums of 128 by 9 numbers.
    assert golden.error(result[:, :, 230:], single[:, :, 230:]) < golden.rounding(9 * 128, layers=10)
    assert not torch.equal(result[:, :, :230], two[:, :, :230])
    with pytest.raises(InputError, match="3 prompts for 2 faces of picture 0"):
        editor.edit_in_place(two, ["a", "b", "c"], faces="all")


def test_pictures_without_a_face_pass_untouched_in_their_places(editor: Editor, two: Tensor) -> None:
    wall = torch.full_like(two, 0.4)
    result = editor.edit_in_place(torch.cat([wall, two, wall]), ["bald", "bald", "bald"], strength=[1.0, 0.5, 1.0])
    assert torch.equal(result[[0, 2]], torch.cat([wall, wall]))
    assert not torch.equal(result[1:2], two)
    with pytest.raises(InputError, match="No face was found"):
        editor.edit_in_place(wall, "bald")


def test_no_pictures_face_is_asked_for_twice(editor: Editor, two: Tensor) -> None:
    """Another text on what was prepared is what the whole way gives."""
    prepared = in_place.prepare(editor, two)
    edited = in_place.edit(editor, prepared, "bald", 0.7)
    assert torch.equal(edited.images, editor.edit_in_place(two, "bald", 0.7))
    assert torch.equal(edited.images[edited.masks == 0], two[edited.masks == 0])
    assert edited.crops.shape == (1, 64, 64, 3)


@pytest.mark.parametrize("side", [32, 64, 500])
def test_pictures_of_any_size_and_kind(editor: Editor, side: int) -> None:
    picture = avatar("ava", side)[None]
    for image in (picture, picture[..., :1], torch.cat([picture, torch.ones_like(picture[..., :1])], -1)):
        result = editor.edit_in_place(image, "purple hair")
        assert result.shape == (1, side, side, max(3, image.shape[3]))
    half = editor.edit_in_place(picture.half(), "purple hair")
    assert half.dtype == torch.float16
    array = editor.edit_in_place(picture.numpy(), "purple hair")
    assert torch.equal(array, editor.edit_in_place(picture, "purple hair"))


def test_a_family_without_an_aligner_takes_the_whole_picture(editor: Editor) -> None:
    plain = Editor(editor.generator, editor.encoder, editor.modulator, editor.text_encoder)
    picture = avatar("ava", 64)[None]
    (place,) = in_place.prepare(plain, picture).places
    assert place.placement.corners().tolist() == [[0, 0], [0, 64], [64, 64], [64, 0]]
    assert not torch.equal(plain.edit_in_place(picture, "bald"), picture)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"faces": "biggest"}, "'largest', 'all' or a number"),
        ({"faces": True}, "'largest', 'all' or a number"),
        ({"mode": "blend"}, "auto, add, replace, whole"),
        ({"prompts": ["a", "b"]}, "2 prompts for 1 faces"),
        ({"prompts": None}, "A prompt is text"),
        ({"prompts": [None]}, "A prompt is text"),
        ({"prompts": b"bald"}, "A prompt is text"),
        ({"strength": float("nan")}, "strength"),
        ({"images": torch.rand(0, 8, 8, 3)}, "0 pictures"),
        ({"images": torch.full((1, 64, 64, 3), float("nan"))}, "no finite number"),
    ],
)
def test_what_does_not_go_together_is_said(editor: Editor, change: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        editor.edit_in_place(**{"images": avatar("ava", 64)[None], "prompts": "bald"} | change)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_another_packs_default_type_changes_nothing(editor: Editor, dtype: torch.dtype) -> None:
    picture = avatar("ava", 300)[None]
    wanted = editor.edit_in_place(picture, "bald")
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        assert torch.equal(editor.edit_in_place(picture, "bald"), wanted)
        with torch.device("meta"):
            assert torch.equal(editor.edit_in_place(picture, "bald"), wanted)
    finally:
        torch.set_default_dtype(before)


def test_faces_may_be_given(editor: Editor) -> None:
    picture = avatar("ava", 100)[None]
    square = torch.tensor([[0, 0], [0, 100], [100, 100], [100, 0]], dtype=torch.float64)
    face = Face(points=square[:1].expand(5, 2), box=(0, 0, 100, 100), confidence=1.0, square=square)
    prepared = in_place.prepare(editor, picture, found=[[face]])
    assert torch.equal(prepared.places[0].placement.corners(), square)
    with pytest.raises(InputError, match="Faces of 2 pictures"):
        in_place.prepare(editor, picture, found=[[face], []])
