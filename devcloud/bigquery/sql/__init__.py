"""GoogleSQL on DuckDB: parsed with sqlglot, bound and typed here, run inside a session's transaction."""
