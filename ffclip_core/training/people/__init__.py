"""Avataaars as people have them, whole: every variant, any colours, and what becomes of a picture on its way."""
