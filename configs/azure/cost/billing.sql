-- name: billed_by_period
-- Rows and billed cost of one source by billing period and currency. Restatements and checks compare them. The
-- purchase of a commitment is billed; its used and unused parts are not. A cost that is in both exports counts once.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_billing_period AS usage_date,
  BillingCurrency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(billed_cost) AS billed_cost
FROM (
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
    FROM {rows}
    WHERE x_source = @source
      AND x_billing_period IN UNNEST(@dates)
  ) AS marked
) AS billed
GROUP BY usage_date, billing_currency
