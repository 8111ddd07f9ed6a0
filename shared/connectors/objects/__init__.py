"""Reads billing files from the object store of any provider."""
