"""A file that holds another kind of model is named for what it is; files have these programs' own names of tensors."""

from __future__ import annotations

import time
from pathlib import Path

import layouts
import pytest
import torch
from ffclip.ffclip_core import CheckpointError, load_generator, load_modulator, load_text_encoder
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.networks.generator import Generator
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

# What each file holds, and what it is called.
# ruff: noqa: E501
OTHERS: dict[str, tuple[Shapes, str]] = {
    "StyleCLIP's mapper": ({f"mapper.{group}_mapping.mapping.1.weight": (4, 4) for group in ("course", "medium", "fine")}, r"StyleCLIP's mapper 'afro'"),
    "StyleCLIP's single mapper": ({"mapper.mapping.mapping.1.weight": (4, 4)}, "StyleCLIP's mapper 'afro'"),
    "StyleCLIP's mapper of styles": ({"mapper.mapper_0.mapping.1.weight": (4, 4)}, "StyleCLIP's mapper of styles"),
    "HairCLIP": ({"mapper.course_mapping.modulation_module_list.0.fc.weight": (4, 4)}, "HairCLIP's mapper"),
    "ArcFace": ({"input_layer.0.weight": (64, 3, 3, 3), "body.0.res_layer.1.weight": (64, 64, 3, 3), "output_layer.3.weight": (512, 8)}, "ArcFace"),
    "rosinality's discriminator": ({"convs.0.0.weight": (4, 3, 1, 1), "final_linear.0.weight": (4, 4)}, "a discriminator"),
    "NVIDIA's discriminator": ({"b8.fromrgb.weight": (4, 3, 1, 1), "b8.conv0.weight": (4, 4, 3, 3), "b4.out.weight": (1, 4)}, "a discriminator"),
    "BasicSR's discriminator": ({"conv_body.0.0.weight": (4, 3, 1, 1), "final_linear.0.weight": (4, 4)}, "a discriminator"),
    "StyleGAN3-t": ({"synthesis.input.freqs": (4, 2), "synthesis.L0_36_512.weight": (4, 4, 3, 3), "mapping.fc0.weight": (4, 4)}, "StyleGAN3's or StyleGAN-XL's generator"),
    "StyleGAN3-r": ({"synthesis.L0_36_1024.weight": (4, 4, 1, 1), "synthesis.L0_36_1024.affine.weight": (4, 4)}, "StyleGAN3's or StyleGAN-XL's generator"),
    "StyleGAN1": ({"g_synthesis.blocks.4x4.const": (1, 4, 4, 4), "g_mapping.dense0.weight": (4, 4)}, "StyleGAN1's generator"),
    "StyleGAN1 by rosinality": ({"generator.progression.0.conv1.weight": (4, 4), "style.1.weight": (4, 4)}, "StyleGAN1's generator"),
    "EG3D": ({"backbone.synthesis.b4.const": (4, 4, 4), "superresolution.block0.conv0.weight": (4, 4, 3, 3)}, "EG3D's generator"),
    "GFPGAN": ({"stylegan_decoder.style_mlp.1.weight": (4, 4), "conv_body_first.weight": (4, 3, 1, 1)}, "GFPGAN"),
    "CodeFormer": ({"position_emb": (256, 4), "quantize.embedding.weight": (8, 4), "ft_layers.0.linear1.weight": (4, 4)}, "CodeFormer"),
    "RestoreFormer": ({"quantize.embedding.weight": (8, 4), "encoder.conv_in.weight": (4, 3, 3, 3)}, "RestoreFormer"),
    "ESRGAN": ({"body.0.rdb1.conv1.weight": (4, 4, 3, 3), "conv_first.weight": (4, 3, 3, 3)}, "Load Upscale Model"),
    "old ESRGAN": ({"model.1.sub.0.RDB1.conv1.0.weight": (4, 4, 3, 3)}, "Load Upscale Model"),
    "Stable Diffusion": ({"model.diffusion_model.input_blocks.0.0.weight": (4, 4, 3, 3), "first_stage_model.encoder.conv_in.weight": (4, 3, 3, 3)}, "Stable Diffusion, a diffusion model"),
    "Stable Diffusion with its text encoder": ({"model.diffusion_model.input_blocks.0.0.weight": (4, 4, 3, 3), "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (9, 768), "cond_stage_model.transformer.text_model.final_layer_norm.weight": (768,)}, "Stable Diffusion, a diffusion model"),
    "SDXL": ({"model.diffusion_model.input_blocks.0.0.weight": (4, 4, 3, 3), "conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.weight": (4, 4)}, "SDXL"),
    "Flux": ({"double_blocks.0.img_attn.qkv.weight": (4, 4), "single_blocks.0.linear1.weight": (4, 4)}, "Flux"),
    "a UNet of diffusers": ({"down_blocks.0.resnets.0.conv1.weight": (4, 4, 3, 3), "time_embedding.linear_1.weight": (4, 4)}, "the network of a diffusion model"),
    "a LoRA of kohya": ({"lora_unet_down_blocks_0.lora_up.weight": (4, 4), "lora_unet_down_blocks_0.lora_down.weight": (4, 4)}, "a LoRA"),
    "a LoRA of PEFT": ({"base_model.model.q_proj.lora_A.weight": (4, 4)}, "a LoRA"),
    "a ControlNet": ({"control_model.input_blocks.0.0.weight": (4, 4, 3, 3)}, "a ControlNet"),
    "an IP-Adapter": ({"image_proj.proj.weight": (4, 4), "ip_adapter.1.to_k_ip.weight": (4, 4)}, "an IP-Adapter"),
    "a VAE": ({"decoder.mid.block_1.conv1.weight": (4, 4, 3, 3), "encoder.down.0.block.0.conv1.weight": (4, 4, 3, 3)}, "the VAE of a diffusion model"),
    "BiSeNet": ({"cp.resnet.conv1.weight": (4, 3, 7, 7), "ffm.convblk.conv.weight": (4, 4, 1, 1)}, "face parsing"),
    "RetinaFace": ({"BboxHead.0.conv1x1.weight": (4, 4, 1, 1), "body.stage1.0.0.weight": (4, 3, 3, 3)}, "finds faces"),
    "LPIPS": ({"lin0.model.1.weight": (1, 64, 1, 1)}, "LPIPS"),
    "VGG16": ({"features.0.weight": (64, 3, 3, 3), "classifier.6.weight": (10, 4)}, "VGG16 or alike"),
    "T5": ({"shared.weight": (9, 4), "encoder.block.0.layer.0.SelfAttention.q.weight": (4, 4)}, "T5's"),
    "StyleGAN-XL": ({"synthesis.L0_36_1024.weight": (4, 4, 1, 1), "mapping.embed.weight": (4, 4)}, "StyleGAN-XL's generator"),
    "Projected GAN": ({"synthesis.init.init.0.weight_orig": (4, 4, 4, 4), "synthesis.feat_8.1.weight_orig": (4, 4)}, "Projected GAN's generator"),
    "genforce's": ({"mapping.dense0.weight": (4, 4), "synthesis.layer0.weight": (4, 4, 3, 3)}, "in genforce's layout"),
    "lucidrains'": ({"GAN.G.blocks.0.to_style1.weight": (4, 4), "GAN.G.initial_block": (4, 4)}, "in lucidrains' layout"),
    "mmgen's": ({"generator.style_mapping.1.weight": (4, 4), "generator.constant_input.weight": (1, 4, 4, 4)}, "in mmgen's layout"),
    "GFPGAN 1.0, with StyleGAN2's own layers": ({"stylegan_decoder.constant_input.weight": (1, 4, 4, 4), "stylegan_decoder.style_conv1.modulated_conv.weight": (1, 4, 4, 3, 3), "stylegan_decoder.to_rgb1.modulated_conv.weight": (1, 3, 4, 1, 1), "stylegan_decoder.style_conv1.activate.bias": (4,)}, "GFPGAN"),
    "GPEN": ({"ecd0.0.weight": (4, 3, 1, 1), "generator.input.input": (1, 4, 4, 4), "generator.conv1.conv.weight": (1, 4, 4, 3, 3), "generator.to_rgb1.conv.weight": (1, 3, 8, 1, 1)}, "GPEN"),
    "RestoreFormer whole": ({"quantize.embedding.weight": (8, 4), "encoder.down.0.block.0.conv1.weight": (4, 4, 3, 3), "decoder.mid.block_1.conv1.weight": (4, 4, 3, 3)}, "RestoreFormer"),
    "DAT": ({"before_RG.1.weight": (4,), "conv_first.weight": (4, 3, 3, 3)}, "enlarges or cleans pictures"),
    "LaMa": ({"generator.model.1.ffc.convl2l.weight": (4, 4, 3, 3)}, "LaMa"),
    "a UNet of Stable Diffusion alone": ({"input_blocks.0.0.weight": (4, 4, 3, 3), "time_embed.0.weight": (4, 4), "middle_block.0.in_layers.0.weight": (4,)}, "the network of a diffusion model"),
    "Stable Diffusion 3": ({"joint_blocks.0.context_block.attn.qkv.weight": (4, 4)}, "Stable Diffusion 3"),
    "Hunyuan video": ({"double_blocks.0.img_attn_qkv.weight": (4, 4), "img_in.proj.weight": (4, 4)}, "Flux's kin"),
    "Wan": ({"patch_embedding.weight": (4, 4), "blocks.0.cross_attn.norm_k.weight": (4,)}, "Wan or alike"),
    "Qwen image": ({"img_in.weight": (4, 4), "transformer_blocks.0.attn.to_q.weight": (4, 4), "time_text_embed.timestep_embedder.linear_1.weight": (4, 4)}, "a diffusion model"),
    "a LoRA of diffusers": ({"unet.down_blocks.0.attn1.processor.to_q_lora.down.weight": (4, 4)}, "a LoRA"),
    "a LoRA of XLabs": ({"double_blocks.0.processor.qkv_lora1.down.weight": (4, 4)}, "a LoRA"),
    "LoHa": ({"lora_unet_mid_block.hada_w1_a": (4, 4)}, "a LoRA"),
    "LoKr": ({"lora_unet_mid_block.lokr_w1": (4, 4)}, "a LoRA"),
    "AnimateDiff": ({"down_blocks.0.motion_modules.0.temporal_transformer.norm.weight": (4,)}, "a motion module"),
    "a T2I-Adapter": ({"body.0.in_conv.weight": (4, 4, 1, 1)}, "a T2I-Adapter"),
    "TAESD": ({"taesd_decoder.3.conv.0.weight": (4, 4, 3, 3)}, "TAESD"),
    "an embedding": ({"string_to_param.*": (2, 768)}, "a textual inversion"),
    "an embedding for SDXL": ({"clip_g": (2, 1280), "clip_l": (2, 768)}, "a textual inversion"),
    "FAN": ({"m0.b1_4.conv1.weight": (4, 4, 3, 3)}, "landmarks of faces"),
    "ParseNet": ({"out_mask_conv.conv2d.weight": (4, 4, 3, 3), "body.0.conv1.norm.norm.weight": (4,)}, "face parsing"),
    "ArcFace of InsightFace": ({"layer1.0.prelu.weight": (4,), "fc.weight": (4, 4)}, "ArcFace"),
    "YOLO": ({"model.0.conv.weight": (4, 3, 3, 3), "model.22.dfl.conv.weight": (1, 4, 1, 1)}, "YOLO"),
    "ResNet-50": ({"layer1.0.conv1.weight": (4, 4, 1, 1), "layer4.0.conv1.weight": (4, 4, 1, 1), "fc.weight": (4, 4)}, "a ResNet"),
    "Faster R-CNN": ({"rpn.head.conv.0.0.weight": (4, 4, 3, 3)}, "a detector"),
    "DINOv2": ({"embeddings.cls_token": (1, 1, 4), "encoder.layer.0.norm1.weight": (4,)}, "a transformer for pictures"),
    "a language model": ({"model.layers.0.self_attn.q_proj.weight": (4, 4)}, "a language model"),
    "BERT": ({"embeddings.word_embeddings.weight": (4, 4)}, "a language model"),
    "XLM-R CLIP": ({"text.transformer.embeddings.word_embeddings.weight": (9, 4), "visual.conv1.weight": (4, 3, 32, 32)}, "a CLIP of other languages"),
    "Chinese CLIP": ({"text_model.embeddings.word_embeddings.weight": (9, 4), "vision_model.embeddings.class_embedding": (4,)}, "Chinese CLIP"),
    "BLIP": ({"text_decoder.bert.embeddings.word_embeddings.weight": (9, 4), "visual_encoder.blocks.0.norm1.weight": (4,)}, "BLIP"),
    "CLAP": ({"audio_model.audio_encoder.norm.weight": (4,), "text_model.embeddings.word_embeddings.weight": (9, 4)}, "CLAP"),
    "FLAVA": ({"multimodal_model.encoder.layer.0.norm.weight": (4,), "text_model.embeddings.word_embeddings.weight": (9, 4)}, "FLAVA"),
    "MobileCLIP": ({"text_encoder.embedding_layer.weight": (9, 4), "image_encoder.model.head.proj": (4, 4)}, "MobileCLIP"),
    "CLIP's image tower": ({"vision_model.embeddings.class_embedding": (4,), "vision_model.embeddings.patch_embedding.weight": (4, 3, 32, 32)}, "image encoder without its projection"),
    "OpenAI's image tower": ({"visual.class_embedding": (4,), "visual.ln_pre.weight": (4,), "visual.conv1.weight": (4, 3, 32, 32)}, "image encoder without its projection"),
    "SigLIP's text tower": ({"embeddings.token_embedding.weight": (9, 4), "final_layer_norm.weight": (4,), "head.weight": (4, 4)}, "SigLIP's text encoder"),
    "CLIPTextModel": ({"embeddings.token_embedding.weight": (9, 4), "final_layer_norm.weight": (4,)}, "without its projection"),
    "nothing": ({}, "there are no tensors in it"),
    "an optimiser's state": ({"state.0.exp_avg": (4,)}, "the state of an optimiser"),
    "something unknown": ({"backbone.conv1.weight": (4, 4)}, r"no model that FFCLIP knows \(it has 1 tensors such as '(state_dict.)?backbone.conv1.weight'\)"),
}  # fmt: skip


def tensors(shapes: Shapes) -> dict[str, Tensor]:
    return {key: torch.zeros(shape) for key, shape in shapes.items()}


@pytest.mark.parametrize("wrapping", ["", "state_dict"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_model_of_another_kind_is_named(name: str, wrapping: str, tmp_path: Path) -> None:
    shapes, called = OTHERS[name]
    state = tensors(shapes)
    torch.save({wrapping: state, "epoch": 2} if wrapping else state, tmp_path / "afro.pt")
    with pytest.raises(CheckpointError, match=called) as caught:
        load_modulator(tmp_path / "afro.pt")
    assert "damaged" not in str(caught.value)


def test_a_generator_beside_a_mapper_can_be_used_and_the_mapper_is_named(tmp_path: Path) -> None:
    """As StyleCLIP's files hold them."""
    generator = Generator(size=8, channels={4: 4, 8: 4}, latent_dim=12, num_mapping_layers=2)
    state = {f"decoder.{key}": value for key, value in layouts.g_ema(generator).items()}
    state |= tensors(OTHERS["StyleCLIP's mapper"][0])
    torch.save({"state_dict": state, "latent_avg": generator.latent_avg}, tmp_path / "afro.pt")
    assert load_generator(tmp_path / "afro.pt").size == 8
    assert "StyleCLIP's mapper 'afro'" in " ".join(read_parts(tmp_path / "afro.pt")["generator"].notes)
    with pytest.raises(CheckpointError, match="holds the generator of a model and StyleCLIP's mapper 'afro'"):
        load_modulator(tmp_path / "afro.pt")


def test_names_made_to_take_long_are_looked_at_quickly(tmp_path: Path) -> None:
    for letters in (".", "_", "a.", "lora_"):
        save_file({letters * 200_000: torch.zeros(1)}, tmp_path / "file")
        started = time.process_time()
        with pytest.raises(CheckpointError, match="no model that FFCLIP knows"):
            read_parts(tmp_path / "file")
        assert time.process_time() - started < 20  # Patterns that go through all pairs of letters take minutes.


def clip(**changes: tuple[int, ...] | None) -> dict[str, Tensor]:
    """The names and shapes of ViT-B/32's text tower, in its first layer's place one tensor of each layer."""
    shapes: dict[str, tuple[int, ...] | None] = {
        "token_embedding.weight": (49408, 512),
        "positional_embedding": (77, 512),
        "text_projection": (512, 512),
        "ln_final.weight": (512,),
        **{f"transformer.resblocks.{i}.ln_1.weight": (512,) for i in range(12)},
        **changes,
    }
    return {key: torch.zeros(shape, dtype=torch.uint8) for key, shape in shapes.items() if shape is not None}


@pytest.mark.parametrize(
    ("changes", "called"),
    [
        ({"text_decoder.ln_final.weight": (512,)}, "CoCa"),
        ({"logit_bias": ()}, "SigLIP"),
        ({"positional_embedding": (248, 512), "positional_embedding_res": (248, 512)}, "248 tokens, as LongCLIP"),
        ({"token_embedding.weight": (250002, 512)}, "250,002 words"),
        ({"text_projection": (512, 1024)}, "1024 wide, as RN50's"),
        ({"visual.layer1.0.conv1.weight": (64, 64, 1, 1)}, "RN50, RN101"),
        ({"visual.trunk.stages.0.blocks.0.conv_dw.weight": (96, 1, 7, 7)}, "ConvNeXt"),
        ({"visual.trunk.stages.0.blocks.0.token_mixer.norm.weight": (64,)}, "MobileCLIP"),
        ({"visual.trunk.blocks.0.attn.q_proj.weight": (4, 4)}, "EVA"),
        ({"visual.trunk.stem.0.weight": (96, 3, 4, 4)}, "an image tower of timm"),
        ({"visual.blocks.0.attn.q_proj.weight": (4, 4)}, "EVA"),
        ({"visual.conv1.weight": (768, 3, 16, 16)}, r"\(ViT-B/16\)"),
        ({"visual.conv1.weight": (640, 3, 18, 18)}, "ViT with patches of 18 px instead of 32"),
        ({"visual.conv1.weight": (512, 3, 32, 32)}, "an image tower 512 wide, where ViT-B/32's is 768"),
        ({"visual.conv1.weight": (768, 3, 32, 32), "visual.positional_embedding": (65, 768)}, "for larger pictures"),
        ({"visual.conv1.weight": (1024, 3, 14, 14), "token_embedding.weight": (9, 768)}, r"ViT-L/14 \(Stable"),
        ({"token_embedding.weight": (49408, 384)}, "a text tower 384 wide, where ViT-B/32's is 512"),  # ViT-S/32
        ({"token_embedding.weight": (49408, 256)}, "a text tower 256 wide"),  # TinyCLIP
        ({"token_embedding.weight": (49408, 768), "positional_embedding": (248, 768)}, "248 tokens, as LongCLIP"),
        ({"token_embedding.weight": (32000, 768), "logit_bias": ()}, "SigLIP"),
        ({"token_embedding.weight": (49408, 768), "cls_emb": (768,)}, "CoCa"),
        ({"positional_embedding": (32, 512)}, "of 32 tokens instead of 77"),  # CLIPA
        ({"mit.positional_embedding": (8, 512)}, "X-CLIP"),
        ({"transformer.resblocks.12.ln_1.weight": (512,)}, "of 13 layers"),
        ({"text_projection": None}, "without its projection"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "text."])
def test_text_encoders_of_other_clips_are_named(changes: dict, called: str, prefix: str, tmp_path: Path) -> None:
    state = clip(**changes)
    if prefix:  # As open_clip writes towers of a kind of its own: what is no text stays as it is.
        around = ("visual.", "logit_bias", "text_decoder.", "mit.")
        state = {key if key.startswith(around) else prefix + key: value for key, value in state.items()}
    save_file(state, tmp_path / "clip")  # Of which no checksum is taken.
    with pytest.raises(CheckpointError, match=called):
        load_text_encoder(tmp_path / "clip")


def test_vit_b_32_with_its_image_tower_is_taken(tmp_path: Path) -> None:
    tower = {"class_embedding": (768,), "positional_embedding": (50, 768), "conv1.weight": (768, 3, 32, 32)}
    tower |= {"ln_pre.weight": (768,), "proj": (768, 512)}
    tower |= {f"transformer.resblocks.{i}.ln_1.weight": (768,) for i in range(12)}
    torch.save(clip(**{f"visual.{key}": shape for key, shape in tower.items()}), tmp_path / "clip.pt")
    parts = read_parts(tmp_path / "clip.pt")
    assert [parts[kind].architecture["layers"] for kind in ("text_encoder", "image_encoder")] == [12, 12]
    assert parts["image_encoder"].architecture.items() >= {"image_size": 224, "heads": 12, "embed_dim": 512}.items()
