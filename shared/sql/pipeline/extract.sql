-- name: count_published
-- Rows and cost that one source has published on some days: what an incremental run compares its export with.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_usage_date AS usage_date,
  COUNT(*) AS row_count,
  COALESCE(SUM(cost), 0) AS cost
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_date
