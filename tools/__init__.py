"""Developers' tools, which `make` uses. They are never deployed."""
