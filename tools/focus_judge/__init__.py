"""The official FOCUS validator, and a linter of FOCUS 1.4, as judges of what the pipeline publishes."""
