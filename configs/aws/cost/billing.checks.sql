-- name: invoiced_by_source
-- The report's billed cost by payer account, billing period and currency.
SELECT
  bill_payer_account_id AS billing_account_id,
  x_billing_period AS billing_period,
  line_item_currency_code AS currency,
  SUM(
    IF(
      line_item_line_item_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'DiscountedUsage'),
      0,
      COALESCE(line_item_net_unblended_cost, line_item_unblended_cost, 0)
    )
  ) AS total
FROM {extract}
GROUP BY billing_account_id, billing_period, currency

-- name: other_periods
-- Rows whose own billing period differs from the period that was delivered. They would be published in the wrong
-- period.
SELECT
  x_billing_period AS delivered_in,
  bill_billing_period_start_date AS billed_in,
  x_manifest AS manifest,
  COUNT(*) AS row_count
FROM {extract}
WHERE DATE(bill_billing_period_start_date) != x_billing_period
GROUP BY delivered_in, billed_in, manifest

-- name: savings_plans_balance
-- Savings plans whose covered usage and negations do not add up to 0. In a complete report they do.
SELECT
  savings_plan_savings_plan_a_r_n AS savings_plan,
  x_billing_period AS billing_period,
  line_item_currency_code AS currency,
  SUM(line_item_unblended_cost) AS left_over
FROM {extract}
WHERE line_item_line_item_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
GROUP BY savings_plan, billing_period, currency
HAVING ABS(left_over) > 0.01

-- name: focus_unknown_services
-- Services that service_categories.csv does not list, with their billed cost. Their category is Other.
-- param: aws_service_categories STRING
SELECT
  ServiceName,
  BillingCurrency,
  SUM(BilledCost) AS billed_cost
FROM {focus}
WHERE ServiceCategory = 'Other'
  AND ServiceName NOT IN (
    SELECT JSON_VALUE(line, '$.name')
    FROM UNNEST(JSON_QUERY_ARRAY(@aws_service_categories)) AS line
  )
GROUP BY ServiceName, BillingCurrency
