"""The nodes that find, align, edit and put back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "models" / "avatars" / "samples"


@pytest.fixture
def picture() -> torch.Tensor:
    """An avatar on a wall."""
    wall = torch.full((1, 180, 260, 3), 0.8)
    with Image.open(SAMPLES / "ava.png") as avatar:
        wall[0, 10:170, 50:210] = torch.from_numpy(
            np.asarray(avatar.convert("RGB").resize((160, 160)), np.float32) / 255
        )
    return wall


@pytest.fixture
def temp(nodes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import folder_paths

    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
    return tmp_path


def edit(nodes: dict, image: torch.Tensor, text: str = "Purple hair", **given: object):  # noqa: ANN201
    with torch.inference_mode():
        values = {"strength": 1.0, "faces": "largest"} | given
        return nodes["FFCLIPEditPicture"].EXECUTE_NORMALIZED(image=image, text=text, **values)


def test_a_picture_in_the_same_picture_out(nodes: dict, picture: torch.Tensor, temp: Path) -> None:
    out = edit(nodes, picture)
    image, mask = out.result
    assert image.shape == picture.shape
    assert torch.equal(image[mask == 0], picture[mask == 0])
    assert (mask > 0.5).any()
    assert any("1 face found" in line for line in out.ui["ffclip"])
    files = [temp / each["subfolder"] / each["filename"] for each in out.ui["images"]]
    assert len(files) == 2
    assert all(Image.open(file).size == (260, 180) for file in files)


def test_another_strength_needs_no_new_inversion(
    nodes: dict, picture: torch.Tensor, temp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffclip.ffclip_core.faces import in_place

    edit(nodes, picture)
    monkeypatch.setattr(in_place, "prepare", lambda *_: pytest.fail("inverted again"))
    first, second = (edit(nodes, picture, strength=strength).result[0] for strength in (0.0, 0.5))
    assert torch.equal(first, picture)
    assert not torch.equal(second, picture)
    changed = picture.clone()
    with pytest.raises(pytest.fail.Exception, match="inverted again"):
        edit(nodes, changed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text": "  "}, "text is empty"),
        ({"text": None}, "text is empty"),
        ({"faces": "2nd from the left"}, "no face number 1"),
        ({"faces": "biggest"}, "choice of faces"),
        ({"mode": "blend"}, "The mode"),
        ({"find": "cats"}, "What is looked for"),
        ({"encoder": "x"}, "not connected"),
        (dict.fromkeys(["encoder", "text_encoder", "modulator", "generator"], 3), "input encoder takes the encoder"),
        ({"mask": 3}, "Masks are given as a tensor"),
        ({"image": torch.full((1, 90, 90, 3), 0.5)}, "No face was found"),
    ],
)
def test_bad_input_is_one_sentence(
    nodes: dict, picture: torch.Tensor, temp: Path, change: dict[str, object], told: str
) -> None:
    from ffclip.ffclip_core import InputError

    with pytest.raises(InputError, match=told):
        edit(nodes, **{"image": picture} | change)  # pyright: ignore[reportArgumentType]


def test_the_chain_of_nodes_does_what_the_one_does(nodes: dict, run, picture: torch.Tensor, temp: Path) -> None:  # noqa: ANN001
    whole = edit(nodes, picture).result[0]
    crop, placement, preview = run("FFCLIPAlignFace", image=picture, faces="largest", size=64)
    assert crop.shape == (1, 64, 64, 3)
    assert preview.shape == picture.shape
    parts = dict.fromkeys(["encoder", "text_encoder", "modulator", "generator"], "avatars (embedded)")
    encoder, text_encoder, modulator, generator = run("FFCLIPLoadModels", **parts, precision="float32")
    (latent,) = run("FFCLIPInvertImage", encoder=encoder, image=crop, fit="crop")
    (embedding,) = run("FFCLIPEncodePrompt", text_encoder=text_encoder, text="Purple hair")
    after, _ = run(
        "FFCLIPSemanticModulate", modulator=modulator, latent=latent, embedding=embedding, strength=1.0, coarse=1.0,
        medium=1.0, fine=1.0, batching="pair",
    )  # fmt: skip
    drawn = [
        run("FFCLIPSynthesize", generator=generator, latent=each, noise="const", seed=0, output_size="full")[0]
        for each in (latent, after)
    ]
    back, mask = run(
        "FFCLIPPasteFaceBack", image=picture, before=drawn[0], after=drawn[1], placement=placement, mode="auto",
        feather=0.03,
    )  # fmt: skip
    assert torch.equal(back[mask == 0], picture[mask == 0])
    assert float((back - whole).norm() / whole.norm()) < 1e-3
    (changed,) = run("FFCLIPDifferenceMask", before=drawn[0], after=drawn[1], feather=0.03)
    assert changed.shape == (1, 64, 64)
    several, masks = run(
        "FFCLIPPasteFaceBack", image=picture, before=drawn[0], after=torch.cat([drawn[1], drawn[0]]),
        placement=placement, mode="auto", feather=0.03,
    )  # fmt: skip
    assert several.shape == (2, *picture.shape[1:])
    assert torch.equal(several[1:], picture)
    assert not masks[1].any()


def test_points_and_landmarks_stand_in_for_what_is_found(run, picture: torch.Tensor) -> None:  # noqa: ANN001
    from ffclip.ffclip_core import InputError

    by_hand = run("FFCLIPAlignFace", image=picture, faces="largest", size=64, points="100,80 150,80 108,120 142,120")
    assert by_hand[0].shape == (1, 64, 64, 3)
    for points in (3, "1 2 3", "a b", "1,1 1,1 1,1 1,1"):
        with pytest.raises(InputError):
            run("FFCLIPAlignFace", image=picture, faces="largest", size=64, points=points)
    angle = torch.linspace(0, 6.28, 468)
    mesh = torch.stack([130 + 40 * angle.cos(), 90 + 50 * angle.sin()], 1).numpy()
    landmarks = {"frames": [[{"landmarks_xy": mesh}]], "image_size": (180, 260)}
    assert run("FFCLIPAlignFace", image=picture, faces="all", size=64, landmarks=landmarks)[0].shape == (1, 64, 64, 3)
    for bad in ({}, {"frames": []}, {"frames": [[{}]]}, 3):
        with pytest.raises(InputError):
            run("FFCLIPAlignFace", image=picture, faces="all", size=64, landmarks=bad)
