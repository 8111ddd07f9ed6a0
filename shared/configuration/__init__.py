"""Loads the files under configs/ and the environment as validated models."""
