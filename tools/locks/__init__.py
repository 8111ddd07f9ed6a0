"""Compiles every requirements.in into a closed lock."""
