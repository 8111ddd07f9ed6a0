"""Judges the published rows by the official FOCUS validator and by a linter of FOCUS 1.4."""
