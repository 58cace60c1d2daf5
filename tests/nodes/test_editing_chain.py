"""The nodes one after the other, on the embedded models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import golden
import pytest
import torch

EMBEDDED = "avatars (embedded)"


def repeated(sample: torch.Tensor, count: int) -> torch.Tensor:
    """count different pictures: the sample, ever darker."""
    return torch.cat([sample * (1 - 0.1 * i) for i in range(count)])


def test_a_sample_picture_is_an_image_batch_of_one(sample: torch.Tensor) -> None:
    assert sample.shape == (1, 256, 256, 3)
    assert sample.dtype == torch.float32
    assert 0 <= sample.min() < sample.max() <= 1


def test_an_unknown_sample_is_refused_with_the_names_there_are(run: Callable, nodes: dict) -> None:
    from ffclip.ffclip_core.errors import InputError

    first = nodes["FFCLIPSamplePicture"].GET_SCHEMA().inputs[0].options[0]
    with pytest.raises(InputError, match=f"no sample picture '../{first}': choose one of .*{first}"):
        run("FFCLIPSamplePicture", name=f"../{first}")


def test_a_prompt_changes_the_picture_and_keeps_the_inversion(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(sample)
    edited, alignment = chain.modulate(latent, chain.encode("Purple hair"))
    before, after = chain.synthesize(latent), chain.synthesize(edited)
    assert before.shape == after.shape == (1, latent.size, latent.size, 3)
    assert 0 <= after.min() and after.max() <= 1
    assert not torch.equal(before, after)
    assert torch.equal(edited.unedited, latent.w)
    assert alignment.shape[0] == 1 and alignment.shape[3] == 3


def test_strength_0_is_the_inversion_bit_for_bit(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(sample)
    edited, _ = chain.modulate(latent, chain.encode("Purple hair"), strength=0.0)
    assert torch.equal(edited.w, latent.w)
    assert torch.equal(chain.synthesize(edited), chain.synthesize(latent))


def test_strength_scales_the_edit_in_both_directions(chain, sample) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(sample), chain.encode("Purple hair")
    once = chain.modulate(latent, embedding)[0].w - latent.w
    back = chain.modulate(latent, embedding, strength=-2.0)[0].w - latent.w
    assert golden.error(back, -2 * once) < golden.NETWORKS


def test_gates_close_their_layers(chain, sample) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(sample), chain.encode("Purple hair")
    edited, _ = chain.modulate(latent, embedding, gates=(0.0, 1.0, 0.0))
    changed = (edited.w != latent.w).any(dim=(0, 2)).tolist()
    assert changed == [4 <= layer < 8 for layer in range(latent.num_layers)]


def test_a_second_edit_starts_from_the_first_and_remembers_the_inversion(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(sample)
    first, _ = chain.modulate(latent, chain.encode("Purple hair"))
    second, _ = chain.modulate(first, chain.encode("wearing glasses"))
    alone, _ = chain.modulate(latent, chain.encode("wearing glasses"))
    assert not torch.equal(second.w, first.w)
    assert not torch.equal(second.w, alone.w)
    assert torch.equal(second.unedited, latent.w)


def test_the_same_graph_twice_gives_the_same_bytes(chain, sample) -> None:  # noqa: ANN001
    def picture() -> torch.Tensor:
        edited, _ = chain.modulate(chain.invert(sample), chain.encode("Bald"))
        return chain.synthesize(edited, noise="random", seed=7)

    assert torch.equal(picture(), picture())


@pytest.fixture
def noisy(parts: SimpleNamespace) -> Iterator[None]:
    """The embedded generator, whose noise strengths are zero, with noise."""
    strengths = [p for name, p in parts.generator.network.named_parameters() if name.endswith("noise.weight")]
    with torch.inference_mode():
        for strength in strengths:
            strength.fill_(0.1)
    yield
    with torch.inference_mode():
        for strength in strengths:
            strength.zero_()


def test_random_noise_depends_on_the_seed_and_not_on_the_chunks(chain, sample, noisy) -> None:  # noqa: ANN001
    latent = chain.invert(repeated(sample, 6))
    batch = chain.synthesize(latent, noise="random", seed=10)
    last = type(latent)(w=latent.w[5:], unedited=latent.unedited[5:], family=latent.family)
    alone = chain.synthesize(last, noise="random", seed=15)
    assert golden.error(alone[0], batch[5]) < golden.NETWORKS
    assert not torch.equal(batch, chain.synthesize(latent, noise="random", seed=11))


def test_the_largest_seed_of_other_nodes_is_accepted(chain, sample) -> None:  # noqa: ANN001
    chain.synthesize(chain.invert(sample), noise="random", seed=2**64 - 1)


@pytest.mark.parametrize(("output_size", "divisor"), [("full", 1), ("half", 2), ("quarter", 4)])
def test_previews_are_smaller(chain, sample, output_size: str, divisor: int) -> None:  # noqa: ANN001
    latent = chain.invert(sample)
    side = latent.size // divisor
    assert chain.synthesize(latent, output_size=output_size).shape == (1, side, side, 3)


def test_a_picture_after_its_preview_is_the_same_picture(chain, parts, sample) -> None:  # noqa: ANN001
    from ffclip.nodes import synthesize

    latent = chain.invert(sample)
    synthesize._KEPT.clear()
    whole = chain.synthesize(latent)
    synthesize._KEPT.clear()
    half = chain.synthesize(latent, output_size="half")
    ((kept,),) = [of_nodes.values() for of_nodes in synthesize._KEPT.values()]
    assert kept.nbytes > 0
    assert torch.equal(chain.synthesize(latent), whole) and half.shape[1] == whole.shape[1] // 2
    assert torch.equal(chain.synthesize(latent, output_size="half"), half)


def test_what_is_kept_of_pictures_is_bounded(parts) -> None:  # noqa: ANN001
    from ffclip.nodes import synthesize

    generator = parts.generator.network
    synthesize._KEPT.clear()
    first, second = (synthesize._kept_features(generator, name) for name in ("1", "2"))
    assert synthesize._kept_features(generator, "1") is first
    third = synthesize._kept_features(generator, "3")
    assert list(synthesize._KEPT[generator].values()) == [first, third] and second is not third


def test_pair_puts_each_picture_with_its_prompt(chain, sample) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(repeated(sample, 2)), chain.encode("Purple hair\nBald")
    both, alignment = chain.modulate(latent, embedding)
    second, _ = chain.modulate(
        type(latent)(w=latent.w[1:], unedited=latent.w[1:], family=latent.family),
        type(embedding)(e=embedding.e[1:], prompts=embedding.prompts[1:], family=embedding.family),
    )
    assert len(both.w) == len(alignment) == 2
    assert golden.error(both.w[1:], second.w) < golden.NETWORKS


def test_one_picture_goes_with_all_prompts(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(sample)
    edited, alignment = chain.modulate(latent, chain.encode("Purple hair\n\n  Bald  \nBeard\n"))
    assert len(edited.w) == len(alignment) == 3
    assert torch.equal(edited.unedited, latent.w.expand(3, -1, -1))


def test_grid_gives_all_prompts_of_the_first_picture_first(chain, sample) -> None:  # noqa: ANN001
    latent = chain.invert(repeated(sample, 2))
    edited, _ = chain.modulate(latent, chain.encode("Purple hair\nBald\nBeard"), batching="grid")
    assert torch.equal(edited.unedited, latent.w.repeat_interleave(3, dim=0))


def test_counts_that_do_not_pair_up_are_refused(chain, sample) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    latent, embedding = chain.invert(repeated(sample, 2)), chain.encode("Purple hair\nBald\nBeard")
    with pytest.raises(InputError) as caught:
        chain.modulate(latent, embedding)
    assert "2" in str(caught.value) and "3" in str(caught.value) and "grid" in str(caught.value)


def test_transparent_parts_lie_on_white(chain, sample) -> None:  # noqa: ANN001
    alpha = torch.ones(1, 256, 256, 1)
    alpha[:, :128] = 0
    on_white = sample * alpha + (1 - alpha)
    assert torch.equal(chain.invert(torch.cat([sample, alpha], dim=3)).w, chain.invert(on_white).w)


def test_a_wide_picture_is_cropped_or_letterboxed_but_never_squashed(chain, parts, sample) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.pictures import prepare, to_images

    side = torch.zeros(1, 256, 64, 3)
    wide = torch.cat([side, sample, side], dim=2)
    # torch 2.4 resizes a part of a picture with other roundings than the picture.
    assert golden.error(chain.invert(wide, "crop").w, chain.invert(sample).w) < golden.NETWORKS

    # The bars carry the border's colours on (test_pictures.py).
    boxed = to_images(prepare(wide, parts.encoder.network.input_size, "letterbox"))
    found, expected = chain.invert(wide, "letterbox").w, chain.invert(boxed).w
    assert golden.error(found, expected) < golden.NETWORKS
    assert (found - chain.invert(sample).w).norm() > 1e-2 * expected.norm()


def test_an_empty_batch_is_refused(chain) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    with pytest.raises(InputError, match="batch holds 0 pictures"):
        chain.invert(torch.zeros(0, 64, 64, 3))


@pytest.mark.parametrize("text", ["", "  ", "\n \n\t\n"])
def test_an_empty_prompt_is_refused(chain, text: str) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    with pytest.raises(InputError, match="The prompt is empty: write what"):
        chain.encode(text)


def test_a_prompt_that_is_too_long_is_cut_and_the_user_is_told(chain, caplog) -> None:  # noqa: ANN001
    embedding = chain.encode("short hair\n" + "purple hair and " * 60)
    assert len(embedding.prompts) == len(embedding.e) == 2
    (record,) = [each for each in caplog.records if "FFCLIP" in each.getMessage()]
    assert "only 77 tokens are read: purple hair" in record.getMessage()


def test_short_prompts_are_not_complained_about(chain, caplog) -> None:  # noqa: ANN001
    chain.encode("Purple hair")
    assert "FFCLIP" not in caplog.text


def test_parts_of_different_families_are_refused(chain, sample) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import FamilyError

    latent = chain.invert(sample)
    layers, width = latent.num_layers, latent.latent_dim
    big = torch.zeros(1, layers + 8, width)
    foreign = type(latent)(w=big, unedited=big, family=None)
    with pytest.raises(FamilyError) as caught:
        chain.synthesize(foreign)
    assert str(layers) in str(caught.value) and str(layers + 8) in str(caught.value)
    with pytest.raises(FamilyError):
        chain.modulate(foreign, chain.encode("Bald"))


def test_on_a_cpu_float16_stays_float32(run: Callable) -> None:
    loaded = run(
        "FFCLIPLoadModels",
        encoder=EMBEDDED, text_encoder=EMBEDDED, modulator=EMBEDDED, generator=EMBEDDED, precision="float16",
    )  # fmt: skip
    assert {part.dtype for part in loaded} == {torch.float32}


@pytest.mark.parametrize("has", [True, False])
def test_bfloat16_is_for_processors_that_have_it(
    run: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has: bool
) -> None:
    import ffclip.nodes.load_models as module

    caplog.set_level("INFO")

    monkeypatch.setattr(module, "has_bfloat16", lambda device: has)
    encoder, text_encoder, modulator, generator = run(
        "FFCLIPLoadModels",
        encoder=EMBEDDED, text_encoder=EMBEDDED, modulator=EMBEDDED, generator=EMBEDDED, precision="bfloat16",
    )  # fmt: skip
    assert generator.network.to_rgbs[-1].conv.dtype == (torch.bfloat16 if has else torch.float32)
    assert encoder.dtype == (torch.bfloat16 if has else torch.float32)
    assert {part.dtype for part in (text_encoder, modulator)} == {torch.float32}
    said = caplog.text
    assert ("stays in float32" in said) != has
    assert "StyleGAN2's operators: plain PyTorch: the kernels are for NVIDIA GPUs, not for the device cpu" in said


def test_bfloat16_changes_nothing_that_one_sees(run: Callable, chain, sample, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN001
    import ffclip.nodes.load_models as module

    monkeypatch.setattr(module, "has_bfloat16", lambda device: True)
    encoder, text_encoder, modulator, generator = run(
        "FFCLIPLoadModels",
        encoder=EMBEDDED, text_encoder=EMBEDDED, modulator=EMBEDDED, generator=EMBEDDED, precision="bfloat16",
    )  # fmt: skip
    embedding = chain.encode("Purple hair")
    exact = chain.synthesize(chain.modulate(chain.invert(sample), embedding)[0])
    latent = run("FFCLIPInvertImage", encoder=encoder, image=sample, fit="crop")[0]
    assert latent.w.dtype == torch.float32
    edited = chain.modulate(latent, embedding)[0]
    found = run("FFCLIPSynthesize", generator=generator, latent=edited, noise="const", seed=0, output_size="full")[0]
    assert found.dtype == torch.float32 and not torch.equal(found, exact)
    assert 10 * torch.log10(1 / (found - exact).square().mean()) > 40


def test_a_generator_in_float16_draws_the_same_picture() -> None:
    """What the node does on a GPU, computed here on the CPU."""
    from ffclip.ffclip_core import EMBEDDED as FOLDER
    from ffclip.ffclip_core import load_generator

    generator = load_generator(FOLDER / "generator.safetensors")
    w = generator.map(torch.randn(2, generator.latent_dim, generator=torch.Generator().manual_seed(0)))
    with torch.inference_mode():
        exact = generator(w)
        half = generator.half()(w)
    assert half.dtype == torch.float16
    assert golden.error(half, exact) < golden.FLOAT16


@pytest.mark.parametrize(
    ("node", "inputs", "says"),
    [
        ("load", {"precision": "float8"}, "precision is one of float32, float16, bfloat16, not 'float8'"),
        ("synthesize", {"output_size": "third"}, "output size is one of full, half, quarter, not 'third'"),
        ("modulate", {"strength": float("nan")}, "strength is a number such as 1.0, not nan"),
    ],
)
def test_a_value_that_the_server_lets_through(
    run: Callable, chain: SimpleNamespace, sample: torch.Tensor, node: str, inputs: dict, says: str
) -> None:
    from ffclip.ffclip_core.errors import InputError

    with pytest.raises(InputError, match=says):
        if node == "load":
            run("FFCLIPLoadModels", encoder=EMBEDDED, text_encoder=EMBEDDED, modulator=EMBEDDED, generator=EMBEDDED,
                **inputs)  # fmt: skip
        elif node == "synthesize":
            chain.synthesize(chain.invert(sample), **inputs)
        else:
            chain.modulate(chain.invert(sample), chain.encode("Bald"), **inputs)


def test_the_encoder_stays_packed_from_run_to_run(chain, parts, sample) -> None:  # noqa: ANN001
    """ComfyUI's memory management looks at the network before each run."""
    from ffclip.ffclip_core.execution.packed_convolution import PackedConv2d, has_kernels

    if not has_kernels(torch.float32):
        pytest.skip("no oneDNN for x86 here: weights stay plain")
    convolutions = [module for module in parts.encoder.network.modules() if isinstance(module, PackedConv2d)]
    first = chain.invert(sample).w
    chain.invert(sample * 0.9)
    packed = [convolution.weight for convolution in convolutions]
    assert all(weight.is_mkldnn for weight in packed)
    chain.synthesize(chain.modulate(chain.invert(sample * 0.8), chain.encode("Bald"))[0])
    assert golden.error(chain.invert(sample).w, first) < golden.NETWORKS
    assert all(convolution.weight is weight for convolution, weight in zip(convolutions, packed, strict=True))


def test_each_part_can_be_evicted_alone(parts: SimpleNamespace) -> None:
    import comfy.model_management

    patchers = [part.patcher for part in vars(parts).values()]
    comfy.model_management.load_models_gpu(patchers, force_full_load=True)
    loaded = comfy.model_management.current_loaded_models
    (evicted,) = [each for each in loaded if each.model is parts.generator.patcher]
    evicted.model_unload()
    loaded.remove(evicted)
    left = [each.model for each in loaded]
    assert [patcher in left for patcher in patchers] == [True, True, True, False]


def test_cars_come_out_in_the_proportions_that_their_encoder_takes(run: Callable) -> None:
    from ffclip.ffclip_core.execution.encoder import FastEncoder as Encoder
    from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
    from ffclip.nodes.wires import ModelPart

    cpu = torch.device("cpu")
    encoder = Encoder(**(golden.SMALL_ENCODER | {"latent_dim": 16, "input_size": (48, 64)}))
    generator = Generator(size=64, channels=dict.fromkeys((4, 8, 16, 32, 64), 4), latent_dim=16, num_mapping_layers=2)
    (latent,) = run(
        "FFCLIPInvertImage",
        encoder=ModelPart.managed(encoder, cpu),
        image=torch.rand(2, 100, 200, 3),
        fit="crop",
    )
    part = ModelPart.managed(generator, cpu)
    for output_size, shape in (("full", (48, 64)), ("half", (24, 32))):
        (image,) = run(
            "FFCLIPSynthesize", generator=part, latent=latent, noise="const", seed=0, output_size=output_size
        )
        assert image.shape == (2, *shape, 3)
    with torch.inference_mode():
        square = generator(latent.w).add(1).div(2).clamp(0, 1).permute(0, 2, 3, 1)
    (image,) = run("FFCLIPSynthesize", generator=part, latent=latent, noise="const", seed=0, output_size="full")
    assert golden.error(image, square[:, 8:56]) < golden.NETWORKS


def test_churches_of_14_layers_go_through_the_same_nodes(run: Callable) -> None:
    from ffclip.ffclip_core.execution.encoder import FastEncoder as Encoder
    from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
    from ffclip.ffclip_core.networks.modulation import Modulator
    from ffclip.nodes.wires import Embedding, ModelPart

    cpu = torch.device("cpu")
    encoder = Encoder(**(golden.SMALL_ENCODER | {"num_layers": 14, "latent_dim": 16}))
    generator = Generator(
        size=256, channels=dict.fromkeys((4, 8, 16, 32, 64, 128, 256), 4), latent_dim=16, num_mapping_layers=2
    )
    parts = [
        ModelPart.managed(network, cpu)
        for network in (encoder, Modulator(num_layers=14, latent_dim=16, num_blocks=16), generator)
    ]
    (latent,) = run("FFCLIPInvertImage", encoder=parts[0], image=torch.rand(1, 80, 80, 3), fit="crop")
    embedding = Embedding(torch.randn(1, 16), ("made of snow",), None)
    edited, alignment = run(
        "FFCLIPSemanticModulate",
        modulator=parts[1], latent=latent, embedding=embedding,
        strength=1.0, coarse=1.0, medium=1.0, fine=1.0, batching="pair",
    )  # fmt: skip
    (image,) = run("FFCLIPSynthesize", generator=parts[2], latent=edited, noise="const", seed=0, output_size="full")
    assert image.shape == (1, 256, 256, 3) and len(alignment) == 1 and latent.num_layers == 14


@pytest.mark.parametrize("default", [torch.float16, torch.bfloat16, torch.float64])
def test_another_packs_default_number_format_changes_nothing(
    run: Callable,
    chain,  # noqa: ANN001
    sample: torch.Tensor,
    default: torch.dtype,
) -> None:
    def picture() -> torch.Tensor:
        encoder, text_encoder, modulator, generator = run(
            "FFCLIPLoadModels",
            encoder=EMBEDDED, text_encoder=EMBEDDED, modulator=EMBEDDED, generator=EMBEDDED, precision="float32",
        )  # fmt: skip
        latent = run("FFCLIPInvertImage", encoder=encoder, image=sample, fit="crop")[0]
        embedding = run("FFCLIPEncodePrompt", text_encoder=text_encoder, text="Purple hair")[0]
        edited = run(
            "FFCLIPSemanticModulate",
            modulator=modulator, latent=latent, embedding=embedding,
            strength=1.0, coarse=1.0, medium=1.0, fine=1.0, batching="pair",
        )[0]  # fmt: skip
        return run("FFCLIPSynthesize", generator=generator, latent=edited, noise="random", seed=3, output_size="full")[
            0
        ]

    expected = picture()
    torch.set_default_dtype(default)
    try:
        found = picture()
        assert torch.get_default_dtype() == default
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32 and torch.equal(found, expected)
