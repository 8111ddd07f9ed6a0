"""Runs: acceptance, backfills, deliveries, turns, and what a caller sees of them."""
