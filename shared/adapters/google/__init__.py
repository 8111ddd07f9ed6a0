"""Clients of Google's other services, and the meaning of Google's errors."""
