"""BigQuery jobs: queries, loads and copies, their states and their records."""
