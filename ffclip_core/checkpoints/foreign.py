"""Models of other kinds: told by the names of their tensors, so that a user learns what a file is."""

from __future__ import annotations

import re
from pathlib import Path

from .canonical import Flat

# ruff: noqa: E501
# What is there if all of these patterns are found at the beginning of a tensor's name or after a dot in it; the first
# kind that fits is the one. "{name}" is the file's name.
_KINDS: list[tuple[str, tuple[str, ...]]] = [
    ("HairCLIP's mapper: FFCLIP's blocks are other networks", (r"mapper\..*modulation_module_list\.\d",)),
    (
        "StyleCLIP's mapper '{name}': it makes one edit, FFCLIP's blocks make any",
        (r"mapper\.(course|medium|fine|coarse)_mapping\.",),
    ),
    ("StyleCLIP's mapper '{name}': it makes one edit, FFCLIP's blocks make any", (r"mapper\.mapping\.mapping\.",)),
    ("StyleCLIP's mapper of styles '{name}': it makes one edit", (r"mapper\.mapper_\d+\.mapping\.",)),
    ("a LoRA, which changes another model", (r".*(lora_up|lora_down|lora_A|lora_B|hada_w1_a|lokr_w1|oft_diag)\b",)),
    ("a ControlNet, for a diffusion model", (r"(control_model\.|controlnet_cond_embedding\.|input_hint_block\.)",)),
    ("an IP-Adapter, for a diffusion model", (r"(ip_adapter\.|image_proj\.)",)),
    ("Flux, a diffusion model", (r"double_blocks\.0\.img_attn", r"single_blocks\.0\.")),
    ("Stable Diffusion 3 or alike, a diffusion model", (r"joint_blocks\.0\.",)),
    ("SDXL, a diffusion model", (r"model\.diffusion_model\.", r"conditioner\.embedders\.")),
    ("Stable Diffusion, a diffusion model", (r"model\.diffusion_model\.",)),
    ("the network of a diffusion model", (r"(down_blocks\.0\.(attentions|resnets)|transformer_blocks\.0\.attn1)\.", r"(time_embedding|time_embed|adaln_single|time_text_embed)\.")),
    ("the VAE of a diffusion model", (r"decoder\.(mid\.block_1|mid_block\.)", r"encoder\.(down|down_blocks)\.0\.")),
    ("CodeFormer, which restores faces", (r"quantize\.embedding\.weight", r"(ft_layers|position_emb)")),
    ("RestoreFormer or VQFR, which restores faces", (r"quantize\.embedding\.weight", r"(encoder|decoder)\.")),
    ("GFPGAN, which restores faces", (r"stylegan_decoder\.", r"(conv_body_first|conv_body_down|final_conv)")),
    ("ESRGAN, which enlarges pictures: load it with Load Upscale Model", (r"(body\.0\.rdb1|model\.1\.sub\.0\.RDB1)\.",)),
    ("Real-ESRGAN's small network, which enlarges pictures: load it with Load Upscale Model", (r"body\.0\.weight", r"body\.1\.weight", r"body\.2\.weight")),
    ("SwinIR or HAT, which enlarges pictures: load it with Load Upscale Model", (r"layers\.0\.residual_group\.",)),
    ("ArcFace, which tells faces apart (ir_se50 or alike)", (r"input_layer\.0\.weight", r"output_layer\.\d\.weight")),
    ("StyleGAN3's generator, which has another architecture than StyleGAN2's", (r"synthesis\.L\d+_\d+_\d+\.",)),
    ("StyleGAN3's generator, which has another architecture than StyleGAN2's", (r"synthesis\.input\.(freqs|transform)",)),
    ("EG3D's generator, which draws in three dimensions", (r"backbone\.synthesis\.b4\.", r"(superresolution|decoder\.net)\.")),
    ("StyleGAN1's generator, which has another architecture than StyleGAN2's", (r"(g_synthesis\.blocks\.4x4\.|progression\.0\.|synthesis\.blocks\.0\.(epi|const)|generator\.progression\.)",)),
    ("StyleGAN1's generator, which has another architecture than StyleGAN2's", (r"synthesis\.(layer0|blocks)\.\S*epilogue",)),
    ("a generator of StyleGAN2 in genforce's layout, which FFCLIP does not read", (r"mapping\.dense0\.weight", r"synthesis\.(layer0|early_layer)\.")),
    ("a generator of StyleGAN2 in lucidrains' layout, another architecture", (r"(blocks\.0\.to_style1\.weight|initial_block)",)),
    ("a generator of StyleGAN2 in mmgen's layout, which FFCLIP does not read", (r"style_mapping\.\d\.", r"constant_input\.weight")),
    ("a generator of progressive growing (PGGAN), which has no W+ codes", (r"(layer0\.wscale|features\.0\.wscale|block_0\.conv)",)),
    ("FastGAN's or Projected GAN's generator, which has no W+ codes", (r"(init\.init\.0|feat_8\.|se_64\.)",)),
    ("a discriminator, which training alone needs", (r"convs\.0\.0\.weight", r"final_linear\.\d")),
    ("a discriminator, which training alone needs", (r"b4\.(fc|out)\.weight", r"b\d+\.(fromrgb|conv0)\.weight")),
    ("a discriminator, which training alone needs", (r"conv_body\.0\.0\.weight", r"final_linear\.")),
    ("a network for face parsing (BiSeNet)", (r"cp\.(resnet|arm16)\.", r"ffm\.")),
    ("a network that finds faces (RetinaFace)", (r"(BboxHead|ClassHead)\.0\.",)),
    ("a network that finds things (YOLO)", (r"model\.\d+\.(cv1|m\.0\.cv1|conv)\.", r"model\.\d+\.(anchors|dfl|cv2)")),
    ("LPIPS, a measure of how pictures differ", (r"lin\d\.model\.1\.weight",)),
    ("VGG16, a classifier", (r"features\.0\.weight", r"classifier\.\d\.weight")),
    ("MobileCLIP in Apple's own layout: FFCLIP needs CLIP ViT-B/32's text encoder", (r"text_encoder\.embedding_layer\.weight",)),
    ("SigLIP's, T5's or a language model's text encoder: FFCLIP needs CLIP ViT-B/32's", (r"(encoder\.block\.0\.layer\.0|model\.layers\.0\.self_attn|shared\.weight)",)),
    ("a language model", (r"(model\.layers\.0\.|transformer\.h\.0\.|embeddings\.word_embeddings)",)),
    ("a textual inversion (an embedding), for a diffusion model", (r"(string_to_param\.|emb_params$|clip_[lg]$)",)),
    ("the state of an optimiser, without a network", (r"state\.\d+\.exp_avg",)),
]  # fmt: skip


def describe(file: Flat) -> str | None:
    """What a file holds of another kind than FFCLIP's parts, in words; None for what nobody knows."""
    names = "\n".join(file.tensors)
    for what, patterns in _KINDS:
        if all(re.search(rf"(?:^|[.\n]){pattern}", names) for pattern in patterns):
            return what.replace("{name}", Path(file.contents.path).stem[:60])
    return None
