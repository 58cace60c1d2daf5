"""The drawn domain that the embedded family "avatars" is of: portraits whose every attribute is known.

vocabulary: what can be drawn and said · avatar: one person and its edits · drawing: by DiceBear · parameters: what a
drawing is made from · captions, prompts: what people write · edits: what is asked of whom · domain: all of that as what
a family is trained on · judge, evaluation, report: how edits are measured · whole, wide: pictures as people have them,
which the aligner is trained on · framings, alignment_report: the same, drawn, and how it is measured · source,
text_edits, write_folder: drawn persons as folders. Of the pack, only the commands import it.
"""
