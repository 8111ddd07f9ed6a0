"""BigQuery's REST v2 API: routes, bodies and errors."""
