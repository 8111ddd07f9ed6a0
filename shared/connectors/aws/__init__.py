"""Reads the billing exports that AWS delivers into a bucket."""
