"""What is trained on: a folder or zip of pictures, captions and pairs, or a Python source, prepared once on disk.

A folder, with folders in it or not, as docs/training-data.md shows it: pictures, NAME.txt beside NAME.png with one
caption per line, and pairs NAME.before.png, NAME.after.png, NAME.txt. A Python source is any iterable of Example and
Pair. prepare() makes squares of one size of them, and Data gives these out.

examples: what a source gives · left_out: what is not trained on, and why · containers: folders and zips as they lie on
the disk · listing: which of their files belong together · texts, decoding: bytes → captions, pixels · in_order: many
cores, one order · store: the prepared files · data: what training reads · preparation: all of it · saving: pairs
written as a folder of them has them.
"""

from __future__ import annotations

from .data import Data, load, no_pictures
from .examples import Example, Pair, Source
from .left_out import Left
from .preparation import prepare

__all__ = ["Data", "Example", "Left", "Pair", "Source", "load", "no_pictures", "prepare"]
