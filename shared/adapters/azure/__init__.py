"""Talks to Azure with a tenant's own credentials."""
