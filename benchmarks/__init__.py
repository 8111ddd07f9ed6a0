"""Benchmarks for each claim about speed. Both sides of a ratio are measured in one run on one machine."""
