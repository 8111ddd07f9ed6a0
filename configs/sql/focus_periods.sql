-- name: focus_by_period
-- Rows and billed cost of one source by billing period and currency, from the rows of FOCUS.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  DATE(BillingPeriodStart) AS usage_date,
  BillingCurrency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(BilledCost) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND DATE(BillingPeriodStart) IN UNNEST(@dates)
GROUP BY usage_date, billing_currency

-- name: invoiced_by_focus
-- The billed cost in FOCUS by account, billing period and currency.
SELECT
  BillingAccountId AS billing_account_id,
  DATE(BillingPeriodStart) AS billing_period,
  BillingCurrency AS currency,
  SUM(BilledCost) AS total
FROM {focus}
GROUP BY billing_account_id, billing_period, currency

-- name: other_exports
-- Other sources that have published charges of the same billing accounts and periods. Sums over all rows count these
-- costs twice. The parameter allow_other_export permits it.
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: allow_other_export BOOL
SELECT
  x_source AS other_source,
  DATE(BillingPeriodStart) AS billing_period,
  COUNT(*) AS row_count
FROM {dataset}.focus_cost
WHERE NOT @allow_other_export
  AND x_source != @source
  AND DATE(BillingPeriodStart) IN UNNEST(@dates)
  AND BillingAccountId IN (SELECT BillingAccountId FROM {focus})
GROUP BY other_source, billing_period
