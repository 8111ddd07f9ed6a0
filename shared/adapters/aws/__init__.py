"""Talks to AWS with a tenant's own credentials."""
