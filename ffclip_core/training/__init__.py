"""How the embedded model family "avatars" is made: drawing, captions, training, evaluation.

Needs the extra `train` (`pip install "ffclip[train]"`); nothing else in the pack imports this package.
The commands, in order, stand in models/avatars/README.md.
"""
