"""Nothing here heeds the defaults that another program has given PyTorch, and nothing changes them.

That files load under them: test_checkpoints.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import golden
import numpy as np
import pytest
import torch
from ffclip.cuda_ops import plain, self_test
from ffclip.ffclip_core import Editor
from ffclip.ffclip_core.alignment_picture import alignment_picture
from ffclip.ffclip_core.editing import apply_edit, combine, layer_gates
from ffclip.ffclip_core.execution.encoder import FastEncoder as Encoder
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
from ffclip.ffclip_core.execution.kept_features import KeptFeatures
from ffclip.ffclip_core.networks.clip_distance import clip_distance
from ffclip.ffclip_core.networks.identity import Identity
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from ffclip.ffclip_core.pictures import prepare, to_images
from torch import Tensor, nn

LAYERS, WIDTH = 12, 32
CHANNELS = {4: 8, 8: 8, 16: 8, 32: 8, 64: 8, 128: 8}  # Of 128 px, so that it has strips.


def networks() -> dict[str, nn.Module]:
    """New ones, with weights that any way of making them has to begin with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: dict[str, nn.Module] = {
            "generator": Generator(size=128, channels=CHANNELS, latent_dim=WIDTH, num_mapping_layers=2),
            "classes": Generator(
                size=8, channels={4: 4, 8: 4}, latent_dim=WIDTH, num_mapping_layers=2, z_dim=16, num_classes=3
            ),
            "encoder": Encoder(
                num_layers=LAYERS,
                latent_dim=WIDTH,
                input_size=(64, 64),
                widths=(16, 16, 16, 16),
                blocks=(1, 1, 1, 1),
                pyramid_width=16,
            ),
            "modulator": Modulator(num_layers=LAYERS, latent_dim=WIDTH, num_blocks=2),
            "text_encoder": TextEncoder(embed_dim=WIDTH, width=16, heads=2, layers=1),
            "image_encoder": ImageEncoder(embed_dim=WIDTH, image_size=64, width=32, heads=2, layers=4),
            "residual": ImageEncoder(embed_dim=WIDTH, image_size=32, width=8, heads=2, layers=(1, 1, 1, 1)),
            "identity": Identity(embed_dim=WIDTH, input_size=16, widths=(16, 16), blocks=(1, 1)),
        }
    return {name: network.eval().requires_grad_(False) for name, network in made.items()}


def everything(made: dict[str, Any]) -> dict[str, Tensor]:
    """What the public functions make of the same numbers."""
    stream = torch.Generator("cpu").manual_seed(1)

    def numbers(*shape: int) -> Tensor:
        return torch.rand(shape, generator=stream, dtype=torch.float32, device="cpu")

    generator, encoder, modulator, text = (made[k] for k in ("generator", "encoder", "modulator", "text_encoder"))
    images, w, z = numbers(2, 50, 70, 3), numbers(2, LAYERS, WIDTH), numbers(2, WIDTH)
    mask, x = numbers(2, 20, 20), numbers(2, 3, 40, 70)
    editor, kept = Editor(generator, encoder, modulator, text), KeptFeatures()
    e = text.encode(["purple hair", "Bald"])
    found = modulator.modulate(w, e)
    codes = editor.invert(images, "letterbox")
    noise = [numbers(1, 1, *generator.noise_shape(i)) for i in range(generator.num_layers - 1)]
    return {
        "prepared": prepare(images, (64, 64), mask=mask),
        "letterboxed": prepare(images.numpy(), (64, 64), "letterbox"),
        "images": to_images(w[:, None, :3, :8].expand(2, 3, 3, 8)),
        "codes": codes,
        "encoded": encoder(prepare(images, (64, 64))),
        "embeddings": e,
        "delta": found.delta,
        "alignment": found.alignment,
        "gates": layer_gates(LAYERS, 0.1, 0.2, 0.3),
        "edited": apply_edit(w, found.delta, [0.3, 1], layer_gates(LAYERS, 0.1, 1, 1)),
        "combined": combine(w, e, "grid")[0],
        "mapped": generator.map(z, 0.7),
        "of a class": made["classes"].map(z[:, :16], 0.5, label=[0, 2]),
        "const": generator(w),
        "random": generator(w, noise="random", seed=3),
        "given noise": generator(w, noise=noise),
        "kept": generator(w[:1], kept=kept, resolution=64) * generator(w[:1], kept=kept).mean(),
        "grid": editor.edit(codes, ["purple hair", "Bald"], strength=np.arange(2.0), batching="grid", noise="none"),
        "seen": made["image_encoder"].encode(x),
        "distances": clip_distance(made["residual"], x, e),
        "cut": made["image_encoder"].encode_pictures((255 * images).byte().numpy()),
        "faces": made["identity"].embed(x),
        **{f"map {i}": one for i, one in enumerate(made["image_encoder"].features(x) + made["residual"].features(x))},
        "heat map": alignment_picture(found.alignment, ["purple", "рыжий"]),
    }


def settings() -> dict[str, Any]:
    return {
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "precision": torch.get_float32_matmul_precision(),
        "cudnn": (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "random": (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())),
        "modes": torch.overrides._get_current_function_mode_stack(),
    }


@contextmanager
def dtype(value: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(value)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def cudnn() -> Iterator[None]:
    before = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = True, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = before


SETTINGS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "float16": lambda: dtype(torch.float16),
    "bfloat16": lambda: dtype(torch.bfloat16),
    "float64": lambda: dtype(torch.float64),
    "meta": lambda: device("meta"),
    "a device that is not there": lambda: device("xpu" if torch.cuda.is_available() else "cuda"),
    "deterministic": deterministic,
    "cudnn": cudnn,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    return everything(networks())


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_default_gives_the_same_bits_and_stays(setting: str, expected: dict[str, Tensor]) -> None:
    # On "meta", networks are made without memory, as those are that a file is read into.
    ready = networks() if setting == "meta" else None
    with SETTINGS[setting]():
        before = settings()
        made = ready or networks()
        plain._FIRS.clear()
        found = everything(made)
        after = settings()
    assert after == before
    for name, network in made.items():
        for key, value in network.state_dict().items():
            assert value.device.type == "cpu" and value.dtype in (torch.float32, torch.int64), f"{name} {key}"
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == torch.float32 and found[name].device.type == "cpu", name
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("setting", ["float16", "float64"])
def test_networks_on_meta_are_float32_too(setting: str) -> None:
    with SETTINGS[setting](), torch.device("meta"):
        made = networks()
    for name, network in made.items():
        for key, value in network.state_dict().items():
            assert value.is_meta and value.dtype in (torch.float32, torch.int64), f"{name} {key}"
    # Constants that no file has are there already.
    assert made["text_encoder"].get_buffer("attn_mask").dtype == torch.float32
    assert not made["text_encoder"].get_buffer("attn_mask").is_meta


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_no_more_than_the_order_of_sums(threads: int, expected: dict[str, Tensor]) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = everything(networks())
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name, value in expected.items():
        # Of some thousand terms in each of a few dozen layers.
        assert golden.error(found[name], value) < golden.NETWORKS, name


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_a_wish_for_quick_products_is_granted_and_kept(precision: str, expected: dict[str, Tensor]) -> None:
    """float32_matmul_precision is no default but a wish, which processors with bfloat16 products can grant."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = everything(networks())
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    for name, value in expected.items():
        assert (found[name] - value).norm() <= 0.1 * value.norm(), name


@pytest.mark.parametrize("setting", ["float16", "float64", "a device that is not there"])
def test_what_kernels_are_tested_with_is_the_same(setting: str) -> None:
    def tensors() -> list[Any]:
        w, table = self_test.style_case()
        return [w, table.affine, table.gains, *(each for _, a in self_test.cases(torch.float32) for each in a)]

    expected = tensors()
    with SETTINGS[setting]():
        found = tensors()
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other) and one.dtype == other.dtype if isinstance(one, Tensor) else one == other
