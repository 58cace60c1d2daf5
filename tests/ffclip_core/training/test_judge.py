"""The judge's network and its file."""

from __future__ import annotations

from pathlib import Path

import torch
from ffclip.ffclip_core.training.evaluation.drawn_judge import DrawnJudge, load_judge
from toys import SQUARES


def test_a_judge_reads_every_attribute_and_is_loaded_as_it_was_stored(tmp_path: Path) -> None:
    attributes = {**SQUARES.attributes, "type": ("a.b", "c")}  # A module's name could be neither.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = DrawnJudge(attributes)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    judge.save(tmp_path / "judge.pt")
    loaded = load_judge(tmp_path / "judge.pt")
    found, expected = loaded(x), judge.eval()(x)
    assert {name: logits.shape for name, logits in found.items()} == {
        name: (2, len(values)) for name, values in attributes.items()
    }
    for name, logits in found.items():
        assert torch.equal(logits, expected[name]) and not logits.requires_grad
        assert not torch.equal(logits[0], logits[1]), "it looks at the picture"
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert loaded(large)["square"].shape == (2, 4), "of any size"
