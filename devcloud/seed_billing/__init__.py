"""A sample billing export: plausible, deterministic for a seed, and with known sums."""
