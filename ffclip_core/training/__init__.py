"""How model families are made: what is general, and in avatars/ what draws the embedded family "avatars".

Needs the extra `train` (`pip install "ffclip[train]"`), all but sources/, the only part that nodes import. Four floors,
of which each imports only those after it:

* the commands, run as `python -m ffclip.ffclip_core.training.NAME`: the room itself, which trains a family; of the
  avatars, in the order that models/avatars/README.md gives, judge, evaluate, train_aligner, evaluate_aligner,
  evaluate_in_place, list_known_words; beside them plot_steps, compare_logs and compare_steps, which make what docs/
  show;
* avatars/: the drawn domain, its captions, evaluation, and itself as a source of pictures and pairs;
* sources/: folders, zips and Python sources of pictures, captions and pairs, prepared on the disk;
* what knows of no domain: settings and presets, loop/ (how anything is trained), losses/ (towards what), stages/ (of
  which part); drawings (what a domain has to tell), facts, edits, pictures, backgrounds, short_texts, codes,
  effects, mapping, inversion, style_metric.

To train on another domain, put a Domain (drawings.py) beside avatars/domain.py and name it to the command. With
`--device cuda`, the default where there is a GPU, the networks are trained there; that has never been run, since no GPU
was at hand.
"""
