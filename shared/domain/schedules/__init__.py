"""The rules of schedules: cron expressions, due ticks, and the outcome of each tick."""
