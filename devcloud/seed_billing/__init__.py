"""A plausible sample of a billing export. The same seed gives the same rows, and their sums are known."""
