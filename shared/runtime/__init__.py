"""State that a process keeps between requests: time limits, log fields, known keys, cached answers."""
