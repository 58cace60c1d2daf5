"""Model files. One module per layout; reading a file never runs code from it.

own.py is FFCLIP's own format. Other layouts (rosinality, NVIDIA, e4e, FFCLIP's and CLIP's published files) are to
stand beside it and are not read yet.
"""

from .own import load_encoder, load_generator, load_modulator, load_text_encoder, save_part

__all__ = ["load_encoder", "load_generator", "load_modulator", "load_text_encoder", "save_part"]
