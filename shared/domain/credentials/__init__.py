"""Tenants' cloud credentials: which ones are accepted, and what their answers say."""
