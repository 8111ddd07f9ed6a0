"""The kinds of steps: extract and sql."""
