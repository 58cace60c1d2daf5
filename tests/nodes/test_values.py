"""Null where a value stands, values of other kinds, and wires that carry something else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch


@pytest.fixture
def graph(run, parts: SimpleNamespace, sample: torch.Tensor, chain: SimpleNamespace) -> dict[str, dict[str, Any]]:  # noqa: ANN001
    """The inputs of each node with their defaults."""
    latent = chain.invert(sample)
    return {
        "FFCLIPSamplePicture": {"name": None},
        "FFCLIPInvertImage": {"encoder": parts.encoder, "image": sample, "fit": "crop"},
        "FFCLIPEncodePrompt": {"text_encoder": parts.text_encoder, "text": "Bald"},
        "FFCLIPSemanticModulate": {
            "modulator": parts.modulator, "latent": latent, "embedding": chain.encode("Bald"), "strength": 1.0,
            "coarse": 1.0, "medium": 1.0, "fine": 1.0, "batching": "pair",
        },
        "FFCLIPSynthesize": {
            "generator": parts.generator, "latent": latent, "noise": "const", "seed": 0, "output_size": "full",
        },
        "FFCLIPRefineInversion": {
            "generator": parts.generator, "latent": latent, "image": sample, "mode": "codes", "steps": 2,
            "closeness": 0.7, "seconds": 120.0, "fit": "crop", "loss": "pixels",
        },
    }  # fmt: skip


def numbers(result: Any) -> torch.Tensor:
    return result if isinstance(result, torch.Tensor) else result.w


@pytest.mark.parametrize(
    ("node", "names"),
    [
        ("FFCLIPInvertImage", ["fit", "mask"]),
        ("FFCLIPSemanticModulate", ["strength", "coarse", "medium", "fine", "batching", "strengths"]),
        ("FFCLIPSynthesize", ["noise", "seed", "output_size"]),
        ("FFCLIPRefineInversion", ["mode", "closeness", "seconds", "fit", "loss", "mask"]),
    ],
)
def test_null_stands_for_the_default(run, graph, node: str, names: list[str]) -> None:  # noqa: ANN001
    empty = run(node, **graph[node] | dict.fromkeys(names))[0]
    assert torch.equal(numbers(empty), numbers(run(node, **graph[node])[0]))


def test_without_a_name_the_first_sample_is_given(run, graph, sample: torch.Tensor) -> None:  # noqa: ANN001
    assert torch.equal(run("FFCLIPSamplePicture", name=None)[0], sample)


ODD: list[Any] = [
    "",
    "half \ud83d",
    "two\nlines",
    "a" * 20_000,
    [],
    ["crop"],
    {},
    1.5,
    float("nan"),
    float("inf"),
    b"const",
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("FFCLIPSamplePicture", "name"),
        ("FFCLIPInvertImage", "fit"),
        ("FFCLIPSemanticModulate", "batching"),
        ("FFCLIPSynthesize", "noise"),
        ("FFCLIPSynthesize", "seed"),
        ("FFCLIPSynthesize", "output_size"),
        ("FFCLIPRefineInversion", "mode"),
        ("FFCLIPRefineInversion", "steps"),
        ("FFCLIPRefineInversion", "fit"),
        ("FFCLIPRefineInversion", "loss"),
    ],
)
def test_a_value_of_another_kind_is_said_in_one_sentence(run, graph, node: str, name: str, value: object) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    with pytest.raises(InputError) as caught:
        run(node, **graph[node] | {name: value})
    said = str(caught.value)
    assert "\n" not in said and len(said) < 300
    said.encode("utf-8")


@pytest.mark.parametrize("name", ["coarse", "medium", "fine"])
@pytest.mark.parametrize("value", ["1.0", [1.0, 0.5], float("nan"), True, {}], ids=str)
def test_a_gate_is_one_number(run, graph, name: str, value: object) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    with pytest.raises(InputError, match=f"The gate of the {name} layers is a number such as 1.0, not"):
        run("FFCLIPSemanticModulate", **graph["FFCLIPSemanticModulate"] | {name: value})


@pytest.mark.parametrize("seed", [7.0, np.int64(7), np.float32(7)])
def test_a_whole_number_of_any_type_is_a_seed(run, graph, seed: object) -> None:  # noqa: ANN001
    inputs = graph["FFCLIPSynthesize"] | {"noise": "random"}
    found, expected = (run("FFCLIPSynthesize", **inputs | {"seed": each})[0] for each in (seed, 7))
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("node", "name", "says"),
    [
        ("FFCLIPInvertImage", "encoder", "takes the encoder of Load FFCLIP Models, not"),
        ("FFCLIPInvertImage", "image", "[Pp]icture"),
        ("FFCLIPEncodePrompt", "text_encoder", "takes the text_encoder of Load FFCLIP Models, not"),
        ("FFCLIPEncodePrompt", "text", "text"),
        ("FFCLIPSemanticModulate", "modulator", "takes the modulator of Load FFCLIP Models, not"),
        ("FFCLIPSemanticModulate", "latent", r"takes what Invert Image \(FFCLIP\) or Semantic Modulate gives, not"),
        ("FFCLIPSemanticModulate", "embedding", "takes what Encode Prompt gives, not"),
        ("FFCLIPSynthesize", "generator", "takes the generator of Load FFCLIP Models, not"),
        ("FFCLIPSynthesize", "latent", r"takes what Invert Image \(FFCLIP\) or Semantic Modulate gives, not"),
        ("FFCLIPRefineInversion", "generator", "takes the generator of Load FFCLIP Models, not"),
        ("FFCLIPRefineInversion", "latent", r"takes what Invert Image \(FFCLIP\) or Semantic Modulate gives, not"),
        ("FFCLIPRefineInversion", "image", "[Pp]icture"),
    ],
)
def test_wires_that_carry_something_else(run, graph, parts, node: str, name: str, says: str) -> None:  # noqa: ANN001
    """Nodes that take and give any type let everything through."""
    from ffclip.ffclip_core.errors import InputError

    right = graph[node][name]
    another_part = parts.generator if name != "generator" else parts.encoder
    for wrong in (
        None, "text", {"samples": torch.zeros(1, 4, 8, 8)}, [[torch.zeros(1, 77, 768), {}]], torch.zeros(1, 10, 64, 2),
        another_part, torch.nn.Linear(1, 1), [right],
    ):  # fmt: skip
        if name == "text" and (wrong is None or isinstance(wrong, str)):
            continue
        with pytest.raises(InputError, match=says) as caught:
            run(node, **graph[node] | {name: wrong})
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "kind",
    [np.float32, np.float64, np.float16, torch.float64, torch.float16, torch.bfloat16],
    ids=lambda kind: str(kind),
)
def test_pictures_of_any_float_type_work(run, graph, sample: torch.Tensor, kind: Any) -> None:  # noqa: ANN001
    picture = sample.numpy().astype(kind) if isinstance(kind, type) else sample.to(kind)
    inputs = graph["FFCLIPInvertImage"]
    (found,), (expected,) = (run("FFCLIPInvertImage", **inputs | {"image": x}) for x in (picture, sample))
    # The encoder makes more of what 8 bits (bfloat16) or 11 have rounded off.
    assert found.w.dtype == torch.float32
    assert (found.w - expected.w).norm() < (16 * 2**-8 if kind is torch.bfloat16 else 16 * 2**-11) * expected.w.norm()


def test_bytes_are_no_pictures(run, graph, sample: torch.Tensor) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError

    for picture in ((sample * 255).byte(), (sample * 255).byte().numpy()):
        with pytest.raises(InputError, match="uint8"):
            run("FFCLIPInvertImage", **graph["FFCLIPInvertImage"] | {"image": picture})
