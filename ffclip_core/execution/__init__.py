"""How the networks' numbers are computed fast."""
