"""How model families are made: what is general, and in avatars/ what draws the embedded family "avatars".

Needs the extra `train` (`pip install "ffclip[train]"`), all but sources/, the only part that nodes import. Four floors,
of which each imports only those after it:

* the commands, run as `python -m ffclip.ffclip_core.training.NAME` in the order that models/avatars/README.md gives:
  draw_dataset, judge, train_clip, train_generator, train_encoder, train_modulator, evaluate, train_aligner,
  evaluate_aligner; beside them plot_steps and compare_logs, which draw figures of docs/;
* avatars/: the drawn domain, its captions, data set, evaluation, and itself as a source of pictures and pairs;
* sources/: folders, zips and Python sources of pictures, captions and pairs, prepared on the disk;
* what knows of no domain: settings and presets, loop/ (how anything is trained), losses/ (towards what), stages/ (of
  which part); drawings (what a domain has to tell), facts, edits, pictures, backgrounds, short_texts, small_clip,
  codes, effects, mapping, inversion, style_metric.

To train on another domain, put a Domain (drawings.py) beside avatars/domain.py and name it to the command. With
`--device cuda`, the default where there is a GPU, the networks are trained there; that has never been run, since no GPU
was at hand.
"""
