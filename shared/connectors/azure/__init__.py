"""Reads the cost exports that Azure delivers into a container."""
