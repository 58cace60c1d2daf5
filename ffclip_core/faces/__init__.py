"""Faces in pictures: find them, bring them into the encoder's frame, put back what an edit changed."""
