"""The networks, as plain modules: generator, encoder, modulation, text encoder."""
