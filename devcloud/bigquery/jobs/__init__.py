"""BigQuery jobs: queries, loads and copies, their life and their records."""
