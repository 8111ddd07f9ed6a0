"""Executes a template: plans the steps, runs them, checks the staged rows and publishes them."""
