"""The official FOCUS validator as a judge of what the pipeline publishes."""
