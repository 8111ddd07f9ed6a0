"""Compiles every requirements.in into a lock that works with every pip."""
