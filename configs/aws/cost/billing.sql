-- name: billed_by_period
-- Rows and billed cost of one source by billing period and currency. Restatements and checks compare them. Usage that
-- a savings plan or a reservation covers counts as 0, because the fees already bill it.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_billing_period AS usage_date,
  line_item_currency_code AS billing_currency,
  COUNT(*) AS row_count,
  SUM(
    IF(
      line_item_line_item_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'DiscountedUsage'),
      0,
      COALESCE(line_item_net_unblended_cost, line_item_unblended_cost, 0)
    )
  ) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND x_billing_period IN UNNEST(@dates)
GROUP BY usage_date, billing_currency
