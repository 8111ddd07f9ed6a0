"""Judges the published rows by the official FOCUS validator, a linter of FOCUS 1.4 and the official use cases."""
