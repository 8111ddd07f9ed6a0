"""The rules of pipeline templates: steps, checks, targets, parameters and grain."""
