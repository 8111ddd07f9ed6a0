-- name: actual_and_amortized
-- Accounts and periods whose two exports bill different amounts. One of the exports is incomplete or older.
SELECT
  BillingAccountId AS account,
  x_billing_period AS billing_period,
  BillingCurrency AS currency,
  SUM(IF(x_export_kind = 'ACTUAL', COALESCE(CostInBillingCurrency, 0), 0)) AS actual_cost,
  SUM(billed_cost) AS billed_cost
FROM (
  {billed_charges}
) AS billed
WHERE is_amortized
GROUP BY account, billing_period, currency
HAVING COUNTIF(x_export_kind = 'ACTUAL') > 0
  AND ABS(actual_cost - billed_cost) > 0.01

-- name: commitments_without_purchases
-- Accounts and periods with covered usage but without actual costs. The costs of their commitments are missing.
SELECT
  BillingAccountId AS account,
  x_billing_period AS billing_period,
  COUNT(*) AS charges
FROM {extract}
GROUP BY account, billing_period
HAVING COUNTIF(x_export_kind = 'ACTUAL') = 0
  AND COUNTIF(PricingModel IN ('Reservation', 'SavingsPlan', 'Savings Plan')) > 0

-- name: amortized_as_actual
-- Usage that has a cost although a commitment covers it or leaves it unused. Only exports of amortised costs have
-- such rows. If the purchases of commitments are exported too, these costs would be counted twice. A file without a
-- manifest does not say which of the two exports it is.
SELECT
  x_manifest AS manifest,
  ChargeType AS charge_type,
  COUNT(*) AS row_count,
  SUM(CostInBillingCurrency) AS cost
FROM {extract}
WHERE x_export_kind = 'ACTUAL'
  AND ChargeType NOT IN ('Purchase', 'Refund')
  AND CostInBillingCurrency != 0
  AND (
    PricingModel IN ('Reservation', 'SavingsPlan', 'Savings Plan')
    OR ChargeType IN ('UnusedReservation', 'UnusedSavingsPlan')
  )
GROUP BY manifest, charge_type
