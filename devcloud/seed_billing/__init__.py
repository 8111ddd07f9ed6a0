"""A sample billing export: seeded, plausible, deterministic, with the sums that any reader of it must arrive at."""
