"""The rules of runs: acceptance, backfills, deliveries, turns, and what a caller sees of a run."""
