"""Models of other kinds: told by the names of their tensors, so that a user learns what a file is."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from .canonical import Flat

# ruff: noqa: E501
# Patterns take the time of all names, and of a name's square: none of these kinds has more of them, or longer ones.
_MOST_NAMES, _LONGEST_NAME = 4_000, 150
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
    ("a LoRA, which changes another model", (r"([^.\n]*_)?(lora_up|lora_down|lora_A|lora_B|lora\d?\.up|lora\d?\.down|hada_w1_a|lokr_w1|oft_diag|oft_blocks)\b",)),
    ("a motion module of AnimateDiff, for a diffusion model", (r"motion_modules\.0\.temporal_transformer\.",)),
    ("a T2I-Adapter, for a diffusion model", (r"body\.0\.(resnets\.0\.)?(block1|in_conv)\.",)),
    ("a ControlNet, for a diffusion model", (r"(control_model\.|controlnet_cond_embedding\.|input_hint_block\.)",)),
    ("an IP-Adapter, for a diffusion model", (r"(ip_adapter\.|image_proj\.)",)),
    ("Flux, a diffusion model", (r"double_blocks\.0\.img_attn", r"single_blocks\.0\.")),
    ("a network of Flux's kin, a diffusion model", (r"(double_blocks|double_layers)\.0\.",)),
    ("Stable Diffusion 3 or alike, a diffusion model", (r"joint_blocks\.0\.",)),
    ("SDXL, a diffusion model", (r"model\.diffusion_model\.", r"conditioner\.embedders\.")),
    ("Stable Diffusion, a diffusion model", (r"model\.diffusion_model\.",)),
    ("the network of a diffusion model", (r"(input_blocks\.0\.0|time_embed\.0)\.weight", r"(middle_block|output_blocks)\.0\.")),
    ("the network of a diffusion model for films or pictures (Wan or alike)", (r"patch_embedding\.weight", r"blocks\.0\.(cross_attn|self_attn)\.")),
    ("the network of a diffusion model for films or pictures", (r"(x_embedder|img_in|proj_in|patch_embed)\.", r"(transformer_blocks|blocks|layers)\.0\.", r"(t_embedder|time_text_embed|adaln_single|time_caption_embed|t_block)\.")),
    ("the network of a diffusion model", (r"(down_blocks\.0\.(attentions|resnets)|transformer_blocks\.0\.attn1)\.", r"(time_embedding|time_embed|adaln_single|time_text_embed)\.")),
    ("CodeFormer, which restores faces", (r"quantize\.embedding\.weight", r"(ft_layers|position_emb)")),
    ("RestoreFormer, VQFR (which restore faces) or another VQGAN", (r"quantize\.embedding\.weight", r"(encoder|decoder)\.")),
    ("GFPGAN, which restores faces", (r"stylegan_decoder\.",)),
    ("GPEN, which restores faces", (r"ecd0\.\d", r"generator\.")),
    ("the VAE of a diffusion model", (r"decoder\.(mid\.block_1|mid_block\.)", r"encoder\.(down|down_blocks)\.0\.")),
    ("the VAE of a diffusion model for films", (r"decoder\.(middle|mid)\.0\.(residual|conv)", r"encoder\.")),
    ("a small VAE of a diffusion model (TAESD)", (r"(taesd_decoder|taesd_encoder|decoder\.layers|encoder\.layers)\.\d\.conv\.0\.weight",)),
    ("ESRGAN, which enlarges pictures: load it with Load Upscale Model", (r"(body\.0\.rdb1|model\.1\.sub\.0\.RDB1)\.",)),
    ("Real-ESRGAN's small network, which enlarges pictures: load it with Load Upscale Model", (r"body\.0\.weight", r"body\.1\.weight", r"body\.2\.weight")),
    ("SwinIR, HAT or alike, which enlarges pictures: load it with Load Upscale Model", (r"layers\.0\.residual_group\.",)),
    ("a network that enlarges or cleans pictures: load it with Load Upscale Model", (r"(before_RG\.1|residual_layer\.0\.residual_layer|feats\.1\.channe_mixer|block_1\.c1_r\.sk|intro|m_down1\.0|unet1\.conv1|to_feat|gblocks\.0)\.",)),
    ("LaMa, which fills in pictures", (r"model\.1\.ffc\.",)),
    ("ArcFace, which tells faces apart", (r"layer1\.0\.prelu\.weight", r"(fc|features)\.weight")),
    ("FaceNet, which tells faces apart", (r"repeat_1\.0\.branch0\.", r"last_linear\.")),
    ("StyleGAN3's or StyleGAN-XL's generator, which has another architecture than StyleGAN2's", (r"synthesis\.L\d+_\d+_\d+\.",)),
    ("StyleGAN3's generator, which has another architecture than StyleGAN2's", (r"synthesis\.input\.(freqs|transform)",)),
    ("EG3D's generator, which draws in three dimensions", (r"backbone\.synthesis\.b4\.", r"(superresolution|decoder\.net)\.")),
    ("StyleGAN1's generator, which has another architecture than StyleGAN2's", (r"(g_synthesis\.blocks\.4x4\.|progression\.0\.|synthesis\.blocks\.0\.(epi|const)|generator\.progression\.)",)),
    ("StyleGAN1's generator, which has another architecture than StyleGAN2's", (r"synthesis\.(layer0|blocks)\.\S*epilogue",)),
    ("a generator of StyleGAN or StyleGAN2 in genforce's layout, which FFCLIP does not read", (r"mapping\.dense0\.weight", r"synthesis\.(layer0|early_layer)\.")),
    ("a generator of StyleGAN2 in lucidrains' layout, another architecture", (r"(blocks\.0\.to_style1\.weight|initial_block)",)),
    ("a generator of StyleGAN2 in mmgen's layout, which FFCLIP does not read", (r"style_mapping\.\d\.", r"constant_input\.weight")),
    ("a generator of progressive growing (PGGAN), which has no W+ codes", (r"(layer0\.wscale|features\.0\.wscale|block_0\.conv)",)),
    ("FastGAN's or Projected GAN's generator, which has no W+ codes", (r"(init\.init\.0|feat_8\.|se_64\.)",)),
    ("a discriminator, which training alone needs", (r"convs\.0\.0\.weight", r"final_linear\.\d")),
    ("a discriminator, which training alone needs", (r"b4\.(fc|out)\.weight", r"b\d+\.(fromrgb|conv0)\.weight")),
    ("a discriminator, which training alone needs", (r"conv_body\.0\.0\.weight", r"final_linear\.")),
    ("a network for face parsing (BiSeNet)", (r"cp\.(resnet|arm16)\.", r"ffm\.")),
    ("a network for face parsing (a U-Net)", (r"up_concat1\.conv\.", r"conv1\.conv1\.")),
    ("a network for face parsing (ParseNet)", (r"res_layers\.|body\.0\.conv1\.norm\.", r"out_mask_conv\.")),
    ("a network that finds landmarks of faces (FAN)", (r"(m0\.b1_4\.|conv_last0\.)",)),
    ("a network that finds faces (RetinaFace)", (r"(BboxHead|ClassHead)\.0\.",)),
    ("a network that finds things (YOLO)", (r"model\.\d+\.(cv1|m\.0\.cv1|conv)\.", r"model\.\d+\.(anchors|dfl|cv2)")),
    ("LPIPS, a measure of how pictures differ", (r"lin\d\.model\.1\.weight",)),
    ("a classifier of pictures (VGG16 or alike)", (r"features\.0\.weight", r"(classifier\.\d\.weight|features\.28\.weight)")),
    ("a classifier of pictures (a ResNet)", (r"layer1\.0\.conv1\.weight", r"layer4\.0\.conv1\.weight", r"fc\.weight")),
    ("a detector or segmenter of things", (r"(rpn\.head|mask_decoder|sem_seg_head|transformer_module|decode_head|class_embed|class_labels_classifier)\.",)),
    ("MobileCLIP in Apple's own layout: FFCLIP needs CLIP ViT-B/32's text encoder", (r"text_encoder\.embedding_layer\.weight",)),
    ("CLAP, for sounds: FFCLIP needs CLIP ViT-B/32", (r"audio_(model|branch)\.",)),
    ("FLAVA: FFCLIP needs CLIP ViT-B/32", (r"multimodal_model\.encoder\.",)),
    ("BLIP: FFCLIP needs CLIP ViT-B/32", (r"(visual_encoder\.blocks\.|text_decoder\.bert\.|qformer\.|Qformer\.|text_decoder\.cls\.)",)),
    ("a model of pictures and texts (Chinese CLIP, BLIP or alike): FFCLIP needs CLIP ViT-B/32", (r"(text_model|text_encoder)\.(embeddings\.word_embeddings|encoder\.layer\.0)", r"vision_model\.")),
    ("a CLIP of other languages: FFCLIP needs CLIP ViT-B/32", (r"(text|text_model|bert|roberta)\.(transformer\.|roberta\.)?embeddings\.word_embeddings", r"(visual|visual_projection|logit_scale|proj|vision_model|transformation)\b")),
    ("T5's text encoder: FFCLIP needs CLIP ViT-B/32's", (r"(encoder\.block\.0\.layer\.0|shared\.weight)",)),
    ("a language model", (r"(model\.layers\.0\.(self_attn|mlp)|layers\.0\.attention\.wq|language_model\.layers\.0|transformer\.h\.0|h\.0\.attn|embeddings\.word_embeddings)\b",)),
    ("a transformer for pictures (ViT, DINO or alike)", (r"(embeddings\.)?cls_token", r"(blocks|layers?)\.0\.")),
    ("a textual inversion (an embedding), for a diffusion model", (r"(string_to_param\.|emb_params$|clip_[lg]$)",)),
    ("the state of an optimiser, without a network", (r"state\.\d+\.exp_avg",)),
]  # fmt: skip


def describe(file: Flat) -> str | None:
    """What a file holds of another kind than FFCLIP's parts, in words; None for what nobody knows."""
    names = "\n".join(name[:_LONGEST_NAME] for name in itertools.islice(file.tensors, _MOST_NAMES))
    for what, patterns in _KINDS:
        if all(re.search(rf"(?:^|[.\n]){pattern}", names) for pattern in patterns):
            return what.replace("{name}", Path(file.contents.path).stem[:60])
    return None
