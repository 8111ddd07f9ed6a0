-- name: billed_charges
-- Each charge of the exports with its billed cost. The purchase of a commitment is billed; its used and unused parts
-- are not. A cost that is in both exports counts once.
SELECT
  *,
  CASE
    WHEN is_committed AND ChargeType NOT IN ('Purchase', 'Refund') THEN 0
    WHEN is_amortized AND x_export_kind != IF(is_committed, 'ACTUAL', 'AMORTIZED') THEN 0
    ELSE COALESCE(CostInBillingCurrency, 0)
  END AS billed_cost
FROM (
  SELECT
    x_billing_period,
    x_agreement_type,
    x_export_kind,
    BillingAccountId,
    BillingProfileId,
    BillingCurrency,
    ChargeType,
    CostInBillingCurrency,
    COALESCE(PricingModel IN ('Reservation', 'SavingsPlan', 'Savings Plan'), FALSE)
      OR ChargeType IN ('UnusedReservation', 'UnusedSavingsPlan') AS is_committed,
    COUNTIF(x_export_kind = 'AMORTIZED') OVER (
      PARTITION BY BillingAccountId, BillingProfileId, x_billing_period
    ) > 0 AS is_amortized
  FROM {extract}
) AS marked

-- name: invoiced_by_source
-- The exports' billed cost by account, billing period and currency. With a customer agreement the account is the billing
-- profile.
SELECT
  IF(x_agreement_type = 'MCA', BillingProfileId, BillingAccountId) AS billing_account_id,
  x_billing_period AS billing_period,
  BillingCurrency AS currency,
  SUM(billed_cost) AS total
FROM (
  {billed_charges}
) AS billed
GROUP BY billing_account_id, billing_period, currency

-- name: other_periods
-- Rows whose billing period is no calendar month, or differs from the period that was delivered. They would be
-- published in the wrong period.
SELECT
  x_billing_period AS delivered_in,
  BillingPeriodStartDate AS billed_in,
  x_manifest AS manifest,
  COUNT(*) AS row_count
FROM {extract}
WHERE BillingPeriodStartDate != x_billing_period
GROUP BY delivered_in, billed_in, manifest

-- name: focus_unknown_services
-- Services that service_categories.csv does not list, with their billed cost. Their category is Other.
-- param: azure_service_categories STRING
SELECT
  ServiceName,
  BillingCurrency,
  SUM(BilledCost) AS billed_cost
FROM {focus}
WHERE LOWER(ServiceName) NOT IN (
    SELECT LOWER(JSON_VALUE(line, '$.service'))
    FROM UNNEST(JSON_QUERY_ARRAY(@azure_service_categories)) AS line
  )
GROUP BY ServiceName, BillingCurrency
