"""A small CLIP: a text tower to keep and an image tower that only training uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn

from ..networks.text_encoder import TextEncoder
from .facts import Attributes
from .losses.text import sigmoid_loss, softmax_loss

EMBED_DIM = 256
TEXT = {"width": 96, "heads": 4, "layers": 2}


class SmallCLIP(nn.Module):
    """open_clip's CLIP, with heads for the attributes."""

    def __init__(self, attributes: Attributes, image_size: int = 64) -> None:
        super().__init__()
        vision = CLIPVisionCfg(layers=(1, 1, 2, 1), width=16, image_size=image_size)
        text = CLIPTextCfg(**TEXT)  # pyright: ignore[reportArgumentType]
        self.clip = CLIP(EMBED_DIM, vision, text, quick_gelu=True)  # pyright: ignore[reportArgumentType]
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-5.0))
        self.softmax_scale = nn.Parameter(torch.tensor(2.6))
        self.heads = nn.ModuleDict({name: nn.Linear(EMBED_DIM, len(v)) for name, v in attributes.items()})

    def features(self, x: Tensor) -> list[Tensor]:
        """The image tower's maps, from the stem on (as a perceptual distance), and last the embedding [B, 256]."""
        tower = self.clip.visual
        maps = [tower.stem(x)]  # pyright: ignore[reportCallIssue]
        for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
            maps.append(layer(maps[-1]))  # pyright: ignore[reportCallIssue]
        return [*maps[:4], tower.attnpool(maps[4])]  # pyright: ignore[reportCallIssue]

    def attributes(self, embedding: Tensor) -> dict[str, Tensor]:
        return {name: head(embedding) for name, head in self.heads.items()}

    def encode_text(self, ids: Tensor) -> Tensor:
        """Token ids [B, T <= 77] → [B, 256]. Padding never matters, so it is cut off."""
        clip: Any = self.clip
        length = int((ids != 0).sum(1).max())
        ids = ids[:, :length]
        x = clip.token_embedding(ids) + clip.positional_embedding[:length]
        x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
        return x[torch.arange(len(x), device=ids.device), ids.argmax(1)] @ clip.text_projection


def load_clip(path: str | Path, attributes: Attributes) -> SmallCLIP:
    """What train_clip wrote, for pictures with these attributes."""
    model = SmallCLIP(attributes)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def clip_losses(model: SmallCLIP, texts: Tensor, images: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The losses of embeddings of texts [T, 256] and pictures [B, 256], of which truth [T, B] says who fits whom."""
    cosine = F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T
    return {
        "sigmoid": sigmoid_loss(cosine * model.scale.exp() + model.bias, truth),
        "softmax": softmax_loss(cosine * model.softmax_scale.exp(), truth),
    }


def export_text_encoder(clip: SmallCLIP, family: str) -> TextEncoder:
    """The text tower of the small CLIP as the pack's own."""
    text = TextEncoder(embed_dim=EMBED_DIM, **TEXT, family=family)
    state = clip.clip.state_dict()
    text.load_state_dict({key: state[key] for key in text.state_dict()})
    return text.eval()
