"""The kinds of steps: steps that load billing data into staging tables, and sql steps."""
