"""The executor: plan, steps, checks, publish."""
