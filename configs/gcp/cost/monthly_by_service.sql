-- name: monthly_by_service
-- Adds up one source's published billing rows by month, project, service and currency. @dates holds all days of the
-- months.
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: pipeline_logging_id STRING
-- param: snapshot_at TIMESTAMP
SELECT
  DATE_TRUNC(x_usage_date, MONTH) AS usage_month,
  project.id AS project_id,
  service.id AS service_id,
  service.description AS service_name,
  currency,
  SUM(COALESCE(cost, 0)) AS gross_cost,
  SUM(COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS credit_amount,
  SUM(COALESCE(cost, 0) + COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS net_cost,
  COUNT(*) AS row_count,
  MAX(x_usage_date) AS last_day,
  @source AS x_source,
  @pipeline_logging_id AS x_pipeline_logging_id,
  @snapshot_at AS x_ingested_at
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_month, project_id, service_id, service_name, currency

-- name: net_by_month
-- The net cost of one source's published billing rows by month and currency. The sums by service must add up to it.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  DATE_TRUNC(x_usage_date, MONTH) AS usage_month,
  currency,
  SUM(COALESCE(cost, 0) + COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS total
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_month, currency

-- name: days_without_rows
-- Months in which a day has no rows although a later day has some. That day may not have been loaded, so costs may be
-- missing.
-- param: source STRING
-- param: dates ARRAY<DATE>
WITH months AS (
  SELECT
    DATE_TRUNC(x_usage_date, MONTH) AS usage_month,
    MAX(x_usage_date) AS last_day,
    COUNT(DISTINCT x_usage_date) AS days_with_rows
  FROM {dataset}.gcp_cost_billing
  WHERE x_source = @source
    AND x_usage_date IN UNNEST(@dates)
  GROUP BY usage_month
)

SELECT
  usage_month,
  last_day,
  EXTRACT(DAY FROM last_day) - days_with_rows AS days_without_rows
FROM months
WHERE days_with_rows < EXTRACT(DAY FROM last_day)

-- name: billed_by_month
-- Rows and net cost of one source by month and currency. Restatements compare them. The day of a row is the first of
-- its month.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  usage_month AS usage_date,
  currency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(net_cost) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND usage_month IN UNNEST(@dates)
GROUP BY usage_date, billing_currency
