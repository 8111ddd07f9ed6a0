"""Decides which budgets and anomalies alert, and what the alerts say."""
