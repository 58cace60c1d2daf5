"""Speed, memory and exactness, measured: python run.py bench."""
