"""What belongs to the process and not to a rule: time and rate limits, log fields, known keys, caches, the terminal."""
