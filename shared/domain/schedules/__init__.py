"""Schedules: crons, due ticks, and what each tick becomes."""
