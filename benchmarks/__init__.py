"""Benchmarks for each claim about speed: ratios, measured in one run on one machine."""
