"""StyleGAN Synthesize: W+ code → picture."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core import KeptFeatures
from ..ffclip_core.editing import check_family
from ..ffclip_core.execution.generator import FastGenerator
from ..ffclip_core.pictures import to_images
from .chunking import run_in_chunks
from .schema import FIXED, supported
from .values import option, whole_number
from .wires import CATEGORY, GeneratorWire, Latent, LatentWire, ModelPart, check_latent, check_part

NOISES = ("const", "random", "none")
REDUCTION = {"full": 1, "half": 2, "quarter": 4}
# Leaves room above for the seeds of a batch's later pictures: seed + 1, seed + 2, …
LARGEST_SEED = 2**63 - 1
# What a generator's last pictures left, by node: of two nodes, before and after an edit, for as long as it is there.
MOST_KEPT = 2
_KEPT: WeakKeyDictionary[FastGenerator, dict[str | None, KeptFeatures]] = WeakKeyDictionary()


class Synthesize(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPSynthesize",
            display_name="StyleGAN Synthesize",
            category=CATEGORY,
            search_aliases=["StyleGAN2", "GAN", "generator", "decode latent", "FFCLIP", "avatar", "portrait"],
            description="Draws the picture of a latent code with the StyleGAN2 generator.",
            inputs=[
                GeneratorWire.Input("generator", tooltip="From Load FFCLIP Models."),
                LatentWire.Input(
                    "latent", tooltip="From Semantic Modulate, or from Invert Image (FFCLIP) for the plain inversion."
                ),
                supported(
                    io.Combo.Input,
                    "noise",
                    options=list(NOISES),
                    default="const",
                    advanced=True,
                    tooltip="StyleGAN2's noise draws the smallest details. const is the noise stored with the model: "
                    "before and after differ by the edit alone. random depends on the seed. none is the smoothest.",
                ),
                supported(
                    io.Int.Input,
                    "seed",
                    default=0,
                    min=0,
                    max=LARGEST_SEED,
                    control_after_generate=FIXED,
                    advanced=True,
                    tooltip="For random noise: the same seed gives the same picture. Has no effect otherwise.",
                ),
                io.Combo.Input(
                    "output_size",
                    options=list(REDUCTION),
                    default="full",
                    tooltip="half and quarter stop the generator early: a quick, rougher preview.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="One picture per latent code.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        generator: ModelPart[FastGenerator],
        latent: Latent,
        noise: str | None,
        seed: int | None,
        output_size: str | None,
    ) -> io.NodeOutput:
        check_part(generator, FastGenerator, "generator")
        check_latent(latent)
        noise = option(noise, NOISES, "const", "The noise")
        first_seed = whole_number(seed, 0, "The seed")
        reduction = REDUCTION[option(output_size, REDUCTION, "full", "The output size")]
        network = generator.network
        # The latent stands here for the encoder that made it: it has the same shape and family.
        check_family(encoder=latent, generator=network)
        resolution = network.size // reduction
        home = comfy.model_management.intermediate_device()

        kept = _kept_features(network, cls.hidden.unique_id if cls.hidden else None) if len(latent.w) == 1 else None

        def synthesize(piece: slice) -> tuple[torch.Tensor]:
            w = latent.w[piece].to(generator.load_device)
            # The generator gives the batch's i-th picture the noise of seed + i, so chunks change no noise.
            x = network(w, noise=noise, seed=first_seed + piece.start, resolution=resolution, kept=kept)
            return (to_images(x, latent.proportions).to(home),)

        (images,) = run_in_chunks(generator, len(latent.w), resolution**2, synthesize)
        return io.NodeOutput(images)


def _kept_features(generator: FastGenerator, node_id: str | None) -> KeptFeatures:
    """Those of this node, as the last used."""
    of_nodes = _KEPT.setdefault(generator, {})
    kept = of_nodes.pop(node_id, None) or KeptFeatures()
    while len(of_nodes) >= MOST_KEPT:
        del of_nodes[next(iter(of_nodes))]
    of_nodes[node_id] = kept
    return kept
