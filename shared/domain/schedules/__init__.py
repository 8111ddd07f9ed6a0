"""The rules of schedules: crons, due ticks, and the outcome of each tick."""
