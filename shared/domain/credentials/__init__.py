"""The rules of tenants' cloud credentials: which ones are accepted, and what the answers about them say."""
