-- name: billed_by_day
-- Rows and billed cost of one source by day and currency, credits included. Restatements and checks compare them.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_usage_date AS usage_date,
  currency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(COALESCE(cost, 0) + COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND x_usage_date IN UNNEST(@dates)
GROUP BY usage_date, billing_currency

-- name: focus_by_day
-- Rows and billed cost of one source by day and currency, from the rows of FOCUS.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  DATE(ChargePeriodStart) AS usage_date,
  BillingCurrency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(BilledCost) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND DATE(ChargePeriodStart) IN UNNEST(@dates)
GROUP BY usage_date, billing_currency
