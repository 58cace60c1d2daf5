"""What the parts minimise, as functions of tensors: they read nothing, keep nothing, and know no settings.

modulator: texts, latents, identity, background, and pairs of pictures before and after an edit. adversarial: the game
of a network and its discriminator. generator: what StyleGAN2 adds to it. augmentation: for folders with few pictures.
autoencoder: differences of pictures. encoder: e4e's. text: texts and the pictures they are true of; none at all.
labels: attributes. weights: the published ones. docs/training-losses.md has them in one table.

A loss is a mean over the examples it is given, without its weight. It computes in float32 at least (precision.py), and
gradients reach all of its arguments but those that its docstring calls fixed. Where there are no examples of a kind (no
true pair, an empty mask) it is 0. Random choices are drawn apart from what they are used for, by a torch.Generator on
the CPU, so that several processes can draw them for the whole batch and take their slices.
"""
