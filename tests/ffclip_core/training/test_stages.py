"""What stages do before and after the loop: starting weights, and what becomes of trained networks."""

from __future__ import annotations

from typing import cast

import golden
import pytest
import torch
from ffclip.ffclip_core.networks.encoder import Encoder, StyleHead
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.training.codes import ALL, Codes
from ffclip.ffclip_core.training.stages import drawn_encoder, drawn_generator, modulator

LATENT_DIM = 256


@pytest.fixture(scope="module")
def parameters() -> torch.Tensor:
    return torch.randn(50, 5, generator=torch.Generator().manual_seed(0)) + 4


@torch.no_grad()
def test_an_encoder_of_drawings_gives_codes_with_the_layers_constants(parameters: torch.Tensor) -> None:
    """The blocks normalise over the layers, so each layer's mean code differs by the constant of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = Encoder(
            num_layers=4,
            latent_dim=LATENT_DIM,
            input_size=(32, 32),
            widths=(16, 16, 16, 16),
            blocks=(1, 1, 1, 1),
            pyramid_width=8,
        ).eval()
    first = cast(StyleHead, encoder.styles[0]).linear
    first.bias.normal_(generator=torch.Generator().manual_seed(1))
    codes = Codes.of(parameters, 4, LATENT_DIM, (ALL,) * parameters.shape[1])
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2)).clamp(-1, 1)
    before = encoder(x)
    drawn_encoder.finish(encoder, codes)
    assert golden.error(encoder(x), before + codes.offsets) < golden.rounding(LATENT_DIM)
    assert not first.bias.any(), "the mean code stands in latent_avg alone"


@torch.no_grad()
def test_a_generator_of_drawings_draws_as_before_and_is_blind_outside_the_directions(parameters: torch.Tensor) -> None:
    generator = golden.fill(
        Generator(size=8, channels={4: 6, 8: 6}, latent_dim=LATENT_DIM, num_mapping_layers=1, family="avatars"),
        "stylegan",
    )
    codes = Codes.of(parameters, generator.num_layers, LATENT_DIM, (ALL,) * parameters.shape[1])
    w = codes.w(parameters[:2])[:, None].expand(-1, generator.num_layers, -1)
    before = generator(w, noise="none")
    drawn_generator.finish(generator, codes, parameters, 1)
    same = golden.rounding(LATENT_DIM, layers=8)
    assert golden.error(generator(w, noise="none"), before) < same
    assert golden.error(generator(w + codes.offsets, noise="none"), before) < same
    assert golden.error(generator.latent_avg, codes.w(parameters).mean(0)) < golden.rounding(LATENT_DIM)
    noises = [value for name, value in generator.state_dict().items() if name.startswith("noises.")]
    assert len(noises) == generator.num_layers - 1
    for i, one in enumerate(noises):
        assert 0.5 < float(one.std()) < 1.5
        assert all(one.shape != other.shape or not torch.equal(one, other) for other in noises[:i])


@torch.no_grad()
def test_modulation_blocks_start_small_and_let_the_code_through() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Modulator(num_layers=6, latent_dim=32)
    stream = torch.Generator().manual_seed(1)
    constants = 3.0 * torch.where(torch.arange(6) % 2 > 0, 1.0, -1.0)[:, None].expand(6, 32)
    w, e = torch.randn(8, 1, 32, generator=stream) + constants, torch.randn(8, 32, generator=stream)
    modulator.begin(model)
    start = model.modulate(w, e)
    assert golden.error(start.alignment, torch.full((8, 4, 6), 1 / 6, dtype=start.alignment.dtype)) < 1e-6
    assert float(start.delta.norm()) < 0.5 * float(w.norm()), "small beside the code"
    # What comes out follows what goes in, person by person.
    far = torch.cdist(start.delta.flatten(1), start.delta.flatten(1))
    assert float(far[far > 0].min()) > 0.1 * float(far.max())
    for number in range(8):
        code, delta = w[number] - constants, start.delta[number].double()
        assert float(torch.corrcoef(torch.stack([code[0].double(), delta.mean(0)]))[0, 1].abs()) > 0.5
