"""A small CLIP: the text tower and the image tower of a family, trained together."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..networks.image_encoder import ImageEncoder
from ..networks.text_encoder import TextEncoder
from .facts import Attributes
from .losses.text import sigmoid_loss, softmax_loss
from .short_texts import encode_short

EMBED_DIM = 256


class SmallCLIP(nn.Module):
    """Both towers, with heads for the attributes."""

    def __init__(self, attributes: Attributes, image_size: int = 64, family: str | None = None) -> None:
        super().__init__()
        self.text = TextEncoder(embed_dim=EMBED_DIM, width=96, heads=4, layers=2, family=family)
        # It looks at pictures in [-1, 1] as they are.
        self.image = ImageEncoder(
            embed_dim=EMBED_DIM,
            image_size=image_size,
            width=16,
            heads=8,
            layers=(1, 1, 2, 1),
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            family=family,
        )
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-5.0))
        self.softmax_scale = nn.Parameter(torch.tensor(2.6))
        self.heads = nn.ModuleDict({name: nn.Linear(EMBED_DIM, len(v)) for name, v in attributes.items()})

    def attributes(self, embedding: Tensor) -> dict[str, Tensor]:
        return {name: head(embedding) for name, head in self.heads.items()}

    def encode_text(self, ids: Tensor) -> Tensor:
        """Token ids [B, T <= 77] → [B, 256]."""
        return encode_short(self.text, ids)


def load_clip(path: str | Path, attributes: Attributes, family: str | None = None) -> SmallCLIP:
    """What train_clip wrote, for pictures with these attributes."""
    model = SmallCLIP(attributes, family=family)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def clip_losses(model: SmallCLIP, texts: Tensor, images: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The losses of embeddings of texts [T, 256] and pictures [B, 256], of which truth [T, B] says who fits whom."""
    cosine = F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T
    return {
        "sigmoid": sigmoid_loss(cosine * model.scale.exp() + model.bias, truth),
        "softmax": softmax_loss(cosine * model.softmax_scale.exp(), truth),
    }
