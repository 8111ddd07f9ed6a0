"""BigQuery's REST v2 face: routes, bodies and errors."""
