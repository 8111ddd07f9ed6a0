-- name: count_published
-- Rows, cost, credits and latest export time of one source's published days. An incremental run compares them with
-- its export.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_usage_date AS usage_date,
  COUNT(*) AS row_count,
  COALESCE(SUM(cost), 0) AS cost,
  COALESCE(SUM((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit)), 0) AS credit,
  MAX(export_time) AS exported
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_date
