"""The use cases, one file for each request."""
