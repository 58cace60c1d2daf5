"""CLIP's image tower against stored features, in every layout of files, and the distance that losses make of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import golden
import layouts
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import CheckpointError, InputError, load_image_encoder, load_text_encoder, save_part
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.networks.clip_distance import clip_distance
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.networks.means import adaptive_mean, area_mean
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

RESIDUAL = {"embed_dim": 24, "image_size": 64, "width": 8, "heads": 4, "layers": (1, 1, 2, 1)}
TOWERS: dict[str, dict] = {
    "transformer": {"embed_dim": 24, "image_size": 64, "width": 64, "heads": 1, "layers": 2},
    "residual network": RESIDUAL,
}


def tower(kind: str, **changes: object) -> ImageEncoder:
    """With weights of their own, and numbers of pictures seen as after a training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ImageEncoder(**{**TOWERS[kind], **changes})
        for key, value in network.state_dict().items():
            if value.is_floating_point() and key != "logit_scale":
                value.add_(0.2 * torch.rand_like(value) - 0.1)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def published() -> tuple[TextEncoder, ImageEncoder]:
    """The small CLIP that the stored numbers are of."""
    text = TextEncoder(embed_dim=32, width=64, heads=1, layers=2, vocab_size=300, context_length=16)
    image = ImageEncoder(embed_dim=32, width=64, heads=1, layers=2)
    return golden.fill(text, "clip_tiny224"), golden.fill(image, "clip_tiny224")


@pytest.fixture(scope="module")
def loaded(published: tuple, tmp_path_factory: pytest.TempPathFactory) -> tuple[TextEncoder, ImageEncoder]:
    """As the file of the reference has it, most weights in float16."""
    path = tmp_path_factory.mktemp("clip") / "ViT-B-32.pt"
    layouts.clip_openai(path, *published)
    assert list(read_parts(path)) == ["text_encoder", "image_encoder"]
    return load_text_encoder(path), load_image_encoder(path)


def test_features_of_pictures_are_the_stored_ones(loaded: tuple) -> None:
    io, image = golden.tensors("clip_tiny224"), loaded[1]
    with torch.inference_mode():
        plain, small = image.encode(golden.pictures("clip/0", 224)), image.encode(golden.pictures("clip/64", 64))
        usual = image.encode_pictures(io["uint8_96"].permute(0, 2, 3, 1).numpy())
    assert golden.error(plain, io["image_features_plain"]) < golden.OPERATORS
    assert golden.error(small, io["image_features_styleclip_64"]) < golden.OPERATORS
    assert golden.error(usual, io["image_features_openai_96"]) < golden.OPERATORS
    assert plain.dtype == torch.float32
    rows = area_mean(golden.pictures("clip/64", 64), 224)[:, :, :4]
    assert golden.error(rows, io["pooled_64_first_rows"]) < golden.OPERATORS


def test_the_distance_is_the_stored_loss(loaded: tuple) -> None:
    io, (text, image) = golden.tensors("clip_tiny224"), loaded
    x, e = golden.pictures("clip/64", 64), text.encode_tokens(io["token_ids"])
    assert golden.error(e, io["text_features"]) < golden.OPERATORS
    found = torch.stack([clip_distance(image, x, one[None]) for one in e], dim=1)
    assert golden.error(found, io["clip_loss_64"]) < golden.OPERATORS
    longer = clip_distance(image, x, 7 * e[:2])
    assert golden.error(longer, clip_distance(image, x, e[:2])) < golden.OPERATORS, "lengths don't matter"
    # Of this file it is not 1 − cos, whose least value is 0.
    same = clip_distance(image, x, image.encode(x))
    assert golden.error(same, torch.full((2,), 1 - math.exp(4.6) / 100)) < 1e-3


def test_the_image_tower_of_an_archive_that_torchscript_wrote() -> None:
    image = load_image_encoder(golden.DATA / "clip_tiny.pt")
    assert image.image_size == 64
    expected = golden.tensors("clip_tiny224")["old_clip_tiny_image_features"]
    assert golden.error(image.encode(golden.pictures("clip/64", 64)), expected) < golden.OPERATORS


def test_the_published_tower_has_the_published_tensors() -> None:
    with torch.device("meta"):
        found = ImageEncoder().state_dict()
    assert {key: list(value.shape) for key, value in found.items()} == golden.table("keys")["image_encoder"]


def same(found: ImageEncoder, expected: ImageEncoder) -> None:
    assert found.architecture == expected.architecture and not found.training
    tensors = found.state_dict()
    assert tensors.keys() == expected.state_dict().keys()
    for key, value in expected.state_dict().items():
        assert torch.equal(tensors[key], value), key


def half(network: ImageEncoder) -> ImageEncoder:
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    return network


Writer = Callable[[Path, ImageEncoder], object]
LAYOUTS: dict[str, Writer] = {
    "openai": lambda path, image: layouts.clip_openai(path, small_text(), image),
    "open_clip .bin": lambda path, image: torch.save(layouts.openai_names(small_text(), image), path),
    "open_clip .safetensors": lambda path, image: save_file(layouts.openai_names(small_text(), image), path),
    "open_clip with a text tower apart": lambda path, image: torch.save(
        {**{f"text.{key}": value for key, value in small_text().state_dict().items()}, **image.state_dict()}, path
    ),
    "transformers": lambda path, image: save_file(layouts.transformers_names(small_text(), image), path),
    "transformers, the image tower alone": lambda path, image: save_file(layouts.transformers_names(image), path),
    "the tower alone": lambda path, image: torch.save({"model": image.state_dict()}, path),
}


def small_text() -> TextEncoder:
    return TextEncoder(embed_dim=24, width=64, heads=1, layers=1, vocab_size=50, context_length=8)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_layout(layout: str, tmp_path: Path) -> None:
    image, path = half(tower("transformer")), tmp_path / "clip"
    LAYOUTS[layout](path, image)
    same(load_image_encoder(path), image)
    beside = "text_encoder" in read_parts(path)
    assert beside != layout.endswith("alone")
    if not beside:
        with pytest.raises(CheckpointError, match="clip holds the image encoder of a model, not the text encoder"):
            load_text_encoder(path)


def test_the_residual_network_of_open_clip(tmp_path: Path) -> None:
    image = tower("residual network")
    save_file(layouts.openai_names(small_text(), image), tmp_path / "clip")
    same(load_image_encoder(tmp_path / "clip"), image)
    assert load_text_encoder(tmp_path / "clip").embed_dim == 24
    # Counters, which training alone reads, may be missing.
    uncounted = {key: value for key, value in image.state_dict().items() if "num_batches" not in key}
    save_file(uncounted, tmp_path / "clip")
    found = load_image_encoder(tmp_path / "clip").state_dict()
    assert found.keys() == image.state_dict().keys() and found["visual.bn1.num_batches_tracked"] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("kind", TOWERS)
def test_our_own_files(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    image, path = tower(kind, mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.5), family="toys"), tmp_path / "own.safetensors"
    save_part(path, image, dtype)
    found = load_image_encoder(path)
    same(found, half(image) if dtype == torch.float16 else image)
    assert found.family == "toys"
    told = read_parts(path)["image_encoder"].describe()
    assert told == "image encoder of 64 px, 24 wide (toys)"


@pytest.mark.parametrize(
    "change",
    [
        {"layers": [1, 1, 1]}, {"layers": [1, 1, 1, 99_999]}, {"layers": 99_999}, {"layers": "many"}, {"heads": 3},
        {"image_size": 96}, {"image_size": 10**9}, {"mean": [0.5]}, {"std": [0.5, 0.5, 0.5, 0.5]}, {"colour": 3},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("kind", TOWERS)
def test_a_tower_that_cannot_be_is_damaged(kind: str, change: dict, tmp_path: Path) -> None:
    image, path = tower(kind), tmp_path / "image.safetensors"
    save_part(path, image)
    architecture = json.dumps({**image.architecture, **change})
    save_file(load_file(path), path, {"format": "ffclip", "part": "image_encoder", "architecture": architecture})
    with pytest.raises(CheckpointError, match="is damaged: it describes|is incomplete, or another network"):
        load_image_encoder(path)


def test_the_scale_of_cosines_is_the_files_or_100(tmp_path: Path) -> None:
    image = tower("transformer")
    image.logit_scale.fill_(2.5)
    names = layouts.openai_names(image)
    names["logit_scale"] = names["logit_scale"][None]  # As some programs have it.
    save_file(names, tmp_path / "with")
    assert load_image_encoder(tmp_path / "with").logit_scale == 2.5
    del names["logit_scale"]
    save_file(names, tmp_path / "without")
    found = load_image_encoder(tmp_path / "without")
    assert golden.error(found.logit_scale, torch.tensor(math.log(100))) < golden.OPERATORS
    assert "100 was taken" in " ".join(read_parts(tmp_path / "without")["image_encoder"].notes)


def without(state: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key not in names}


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda image: without(layouts.openai_names(image), "visual.proj"), "image encoder without its projection"),
        (
            lambda image: without(layouts.transformers_names(image), "visual_projection.weight"),
            "image encoder without its projection",
        ),
        (
            lambda image: {**layouts.openai_names(image), "visual.positional_embedding": torch.zeros(4, 64)},
            "of 4 positions, which are no square and one",
        ),
        (
            lambda image: without(layouts.openai_names(image), "visual.transformer.resblocks.1.mlp.c_fc.bias"),
            "it lacks the tensor 'visual.transformer.resblocks.1.mlp.c_fc.bias'",
        ),
        (
            lambda image: {**layouts.openai_names(image), "text.transformer.embed_tokens.weight": torch.zeros(9, 4)},
            "another CLIP \\(with another kind of text encoder\\)",
        ),
        (lambda image: {**layouts.openai_names(image), "logit_bias": torch.zeros(1)}, "another CLIP \\(SigLIP\\)"),
    ],
)
def test_a_tower_that_cannot_be_used_is_named(write: Callable, says: str, tmp_path: Path) -> None:
    save_file(write(tower("transformer")), tmp_path / "clip")
    with pytest.raises(CheckpointError, match=says):
        load_image_encoder(tmp_path / "clip")


def alone(**changes: tuple[int, ...]) -> dict[str, Tensor]:
    """The names and shapes of ViT-B/32's image tower, of each layer one tensor."""
    shapes = {
        "class_embedding": (768,),
        "positional_embedding": (50, 768),
        "conv1.weight": (768, 3, 32, 32),
        "ln_pre.weight": (768,),
        "proj": (768, 512),
        **{f"transformer.resblocks.{i}.ln_1.weight": (768,) for i in range(12)},
        **changes,
    }
    return {f"visual.{key}": torch.zeros(shape, dtype=torch.uint8) for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("changes", "called"),
    [
        ({"conv1.weight": (768, 3, 16, 16)}, r"\(ViT-B/16\)"),
        ({"conv1.weight": (1024, 3, 14, 14)}, r"ViT-L/14 \(Stable Diffusion's\)"),
        ({"conv1.weight": (1280, 3, 14, 14)}, "ViT-H/14"),
        ({"conv1.weight": (384, 3, 32, 32)}, "an image tower 384 wide, where ViT-B/32's is 768"),
        ({"positional_embedding": (65, 768)}, "ViT-B/32 for larger pictures"),
        ({"transformer.resblocks.12.ln_1.weight": (768,)}, "with an image tower of 13 layers"),
    ],
)
@pytest.mark.parametrize("transformers", [False, True])
def test_image_towers_of_other_clips_are_named(changes: dict, called: str, transformers: bool, tmp_path: Path) -> None:
    state = alone(**changes)
    if transformers:
        names = {value: key for key, value in TRANSFORMERS.items()}
        state = {
            names.get(key.removeprefix("visual."), key)
            .replace("visual.transformer.resblocks.", "vision_model.encoder.layers.")
            .replace("ln_1", "layer_norm1"): value
            for key, value in state.items()
        }
    save_file(state, tmp_path / "clip")
    with pytest.raises(CheckpointError, match=called):
        load_image_encoder(tmp_path / "clip")


TRANSFORMERS = {
    "vision_model.embeddings.class_embedding": "class_embedding",
    "vision_model.embeddings.position_embedding.weight": "positional_embedding",
    "vision_model.embeddings.patch_embedding.weight": "conv1.weight",
    "vision_model.pre_layrnorm.weight": "ln_pre.weight",
    "visual_projection.weight": "proj",
}


def test_the_residual_network_of_rn50_is_named(tmp_path: Path) -> None:
    shapes = {"attnpool.q_proj.weight": (4, 4), "layer1.0.conv1.weight": (64, 64, 1, 1), "conv1.weight": (32, 3, 3, 3)}
    save_file({f"visual.{key}": torch.zeros(shape) for key, shape in shapes.items()}, tmp_path / "clip")
    with pytest.raises(CheckpointError, match="RN50, RN101"):
        load_image_encoder(tmp_path / "clip")


@pytest.mark.parametrize(
    ("height", "width", "side"), [(4, 4, 7), (7, 7, 4), (12, 8, 4), (5, 9, 6), (6, 6, 6), (1, 1, 3)]
)
def test_means_over_areas_and_over_whole_pixels(height: int, width: int, side: int) -> None:
    x = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    repeated = x.repeat_interleave(side, 2).repeat_interleave(side, 3)
    bound = golden.rounding(height * width, layers=4, dtype=torch.float64)  # Along two axes: weights, and sums.
    assert golden.error(area_mean(x, side), torch.nn.functional.avg_pool2d(repeated, (height, width))) < bound
    assert golden.error(adaptive_mean(x, side), torch.nn.functional.adaptive_avg_pool2d(x, side)) < bound


@pytest.mark.parametrize("kind", TOWERS)
def test_gradients_reach_pictures_of_any_size_and_weights(kind: str) -> None:
    image = tower(kind).double().requires_grad_()
    x = torch.randn(2, 3, 20, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    e = torch.randn(1, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    distance = clip_distance(image, x, e)
    assert distance.shape == (2,) and distance.dtype == torch.float64
    (slope,) = torch.autograd.grad(distance.sum(), x, retain_graph=True)
    step = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        change = clip_distance(image, x + 1e-6 * step, e) - clip_distance(image, x - 1e-6 * step, e)
    assert golden.error(change.sum() / 2e-6, (slope * step).sum()) < 1e-5
    (more,) = torch.autograd.grad(distance.sum(), image.visual.conv1.weight)
    assert more.isfinite().all() and more.any()


def test_what_losses_look_at_is_neither_clamped_nor_normalised() -> None:
    image = tower("transformer")
    seen: list[Tensor] = []
    image.visual.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = 3 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    image.encode(x)
    assert torch.equal(seen[0], x)


@pytest.mark.parametrize("kind", TOWERS)
def test_maps_are_of_what_encode_sees_and_differ_where_the_pictures_do(kind: str) -> None:
    image = tower(kind)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    maps = image.features(x)
    sizes = [(64, 2, 2)] * 2 if kind == "transformer" else [(8, 16, 16), (32, 16, 16), (64, 8, 8), (128, 4, 4)]
    assert [each.shape for each in maps] == [(2, *size) for size in sizes]
    for found, alike in zip(maps, image.features(x.repeat_interleave(2, 2).repeat_interleave(2, 3)), strict=True):
        assert golden.error(found, alike) < golden.OPERATORS
    other = x.clone()
    other[:, :, :8, :8] += 1
    moved = (image.features(other)[0] - maps[0]).norm(dim=1)
    assert moved[:, 0, 0].min() > 0 and moved[:, -1, -1].max() == 0


def test_the_last_map_of_a_transformer_leads_to_its_embedding() -> None:
    """The tokens are those of open_clip's own way through the tower."""
    image = tower("transformer", layers=4)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    kept: list[Tensor] = []
    block = image.visual.get_submodule("transformer.resblocks.2")
    block.register_forward_hook(lambda module, inputs, output: kept.append(torch.as_tensor(output)))
    image.encode(x)
    maps = image.features(x)
    tokens = kept[0] if len(kept[0]) == len(x) else kept[0].transpose(0, 1)  # First, in older versions of open_clip.
    assert len(maps) == 4
    assert golden.error(maps[3].flatten(2).transpose(1, 2), tokens[:, 1:]) < golden.rounding(256, layers=8)


def test_pictures_are_cut_as_in_training() -> None:
    image = tower("residual network", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    noise = np.random.default_rng(0).integers(0, 256, (64, 97, 3), np.uint8)
    left = round((97 - 64) / 2)
    middle = torch.from_numpy(noise[:, left : left + 64].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    assert golden.error(image.encode_pictures([noise]), image.encode(middle)) < golden.rounding(256, layers=12)
    tall = np.asarray(Image.fromarray(noise).resize((128, 200)))
    small = np.asarray(Image.fromarray(tall).resize((64, 100), Image.Resampling.BICUBIC))[18:82]
    found = image.encode_pictures([tall, small, noise])
    assert found.shape == (3, 24) and golden.error(found[0], found[1]) < golden.rounding(256, layers=12)


def test_many_pictures_are_as_each_alone() -> None:
    image = tower("residual network", image_size=32)
    pictures = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    found = image.encode_pictures(iter(pictures))
    assert golden.error(found[[0, 63, 64, 69]], image.encode_pictures(pictures[[0, 63, 64, 69]])) < golden.OPERATORS


@pytest.mark.parametrize(
    ("pictures", "says"),
    [
        ([], "There are no pictures"),
        (np.zeros((1, 8, 8, 3), np.float32), "not \\[8, 8, 3\\] of float32"),
        (np.zeros((8, 8, 3), np.uint8), "not \\[8, 3\\] of uint8"),
        (np.zeros((1, 8, 8, 4), np.uint8), "not \\[8, 8, 4\\] of uint8"),
        (np.zeros((1, 0, 8, 3), np.uint8), "not \\[0, 8, 3\\] of uint8"),
    ],
)
def test_what_are_no_8_bit_pictures_is_refused(pictures: list | np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        tower("residual network").encode_pictures(pictures)


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (torch.zeros(3, 8, 8), "was given \\[3, 8, 8\\]"),
        (torch.zeros(1, 4, 8, 8), "was given \\[1, 4, 8, 8\\]"),
        (torch.zeros(0, 3, 8, 8), "was given \\[0, 3, 8, 8\\]"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "not torch.uint8"),
        (np.zeros((1, 3, 8, 8)), "not ndarray"),
    ],
)
def test_what_are_no_pictures_is_refused(x: Tensor, says: str) -> None:
    image = tower("residual network")
    for take in (image.encode, image.features):
        with pytest.raises(InputError, match=says):
            take(x)
