"""From files to networks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from .. import EMBEDDED, Editor, load_encoder, load_generator, load_modulator, load_text_encoder, save_part
from . import measure, networks


def loading() -> dict[str, Any]:
    """Seconds from files that the system has in its cache to networks: as published (the layout of e4e and FFCLIP),
    converted, and in the ordinary way, which unpickles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder, generator, modulator = networks.encoder(), networks.generator(networks.SIZE), networks.modulator()
        state = {f"encoder.{key}": value for key, value in encoder.state_dict().items() if key != "latent_avg"}
        state |= {f"decoder.{key}": value for key, value in generator.state_dict().items() if key != "latent_avg"}
        torch.save({"state_dict": state, "latent_avg": encoder.latent_avg, "opts": {}}, folder / "e4e.pt")
        state = {f"module.{key}": value for key, value in modulator.state_dict().items()}
        torch.save({"state_dict": state}, folder / "ffclip.pt")
        for part, network in (("encoder", encoder), ("generator", generator), ("modulator", modulator)):
            save_part(folder / f"{part}.safetensors", network)

        def published() -> None:
            load_encoder(folder / "e4e.pt")
            load_generator(folder / "e4e.pt")
            load_modulator(folder / "ffclip.pt")

        def converted() -> None:
            load_encoder(folder / "encoder.safetensors")
            load_generator(folder / "generator.safetensors")
            load_modulator(folder / "modulator.safetensors")

        def ordinary() -> None:
            whole = torch.load(folder / "e4e.pt", map_location="cpu", weights_only=True)["state_dict"]
            for part, network in (
                ("encoder", networks.encoder()),
                ("decoder", networks.plain_generator(networks.SIZE)),
            ):
                found = {key.removeprefix(f"{part}."): value for key, value in whole.items() if key.startswith(part)}
                network.load_state_dict(found, strict=False)
            whole = torch.load(folder / "ffclip.pt", map_location="cpu", weights_only=True)["state_dict"]
            networks.modulator().load_state_dict({key.removeprefix("module."): value for key, value in whole.items()})

        device = torch.device("cpu")
        cases = {"as published": published, "converted to float16": converted, "the ordinary way": ordinary}
        embedded = {"embedded avatars": lambda: Editor.from_folder(), "text encoder, embedded": _embedded_text}
        return {
            "seconds": measure.interleaved({**cases, **embedded}, device, 20),
            "memory": {name: measure.peak_memory(case, device) for name, case in cases.items()},
        }


def _embedded_text() -> None:
    load_text_encoder(EMBEDDED / "text_encoder.safetensors")
