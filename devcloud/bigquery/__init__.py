"""BigQuery on this machine: REST v2 and the Storage Read API over DuckDB."""
