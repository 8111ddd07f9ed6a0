"""Readers of providers' billing data."""
