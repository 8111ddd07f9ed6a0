"""Reads billing files out of object stores, whoever runs the store."""
