"""BigQuery for the platform: statements, jobs, waits, costs and staging tables."""
