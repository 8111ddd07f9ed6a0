-- name: daily_by_service
-- Adds up one source's published billing rows of the run's days by project, service and currency.
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: pipeline_logging_id STRING
-- param: snapshot_at TIMESTAMP
SELECT
  x_usage_date AS usage_date,
  project.id AS project_id,
  service.id AS service_id,
  service.description AS service_name,
  currency,
  SUM(COALESCE(cost, 0)) AS cost,
  SUM(COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS credit_amount,
  COUNT(*) AS row_count,
  @source AS x_source,
  @pipeline_logging_id AS x_pipeline_logging_id,
  @snapshot_at AS x_ingested_at
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_date, project_id, service_id, service_name, currency

-- name: billed_credits
-- The credits in one source's published billing rows by day and currency. The sums by service must add up to them.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_usage_date AS usage_date,
  currency,
  SUM(COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS total
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_date, currency

-- name: billed_by_day
-- Rows and billed cost of one source by day and currency, credits included. Restatements and checks compare them.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  usage_date,
  currency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(cost + credit_amount) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND usage_date IN UNNEST(@dates)
GROUP BY usage_date, billing_currency
