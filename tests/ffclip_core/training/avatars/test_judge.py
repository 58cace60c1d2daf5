"""The judge's network and its file."""

from __future__ import annotations

from pathlib import Path

import torch
from ffclip.ffclip_core.training.avatars.judge import Judge, load_judge
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES, SIZE


def test_a_judge_reads_every_attribute_and_is_loaded_as_it_was_stored(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = Judge()
    x = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    torch.save(judge.state_dict(), tmp_path / "judge.pt")
    loaded = load_judge(tmp_path / "judge.pt")
    found, expected = loaded(x), judge.eval()(x)
    assert {name: logits.shape for name, logits in found.items()} == {
        name: (2, len(values)) for name, values in ATTRIBUTES.items()
    }
    for name, logits in found.items():
        assert torch.equal(logits, expected[name]) and not logits.requires_grad
        assert not torch.equal(logits[0], logits[1]), "it looks at the picture"
