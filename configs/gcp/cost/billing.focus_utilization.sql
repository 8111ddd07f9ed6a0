-- name: focus_utilization
-- Days and invoice months whose pools have fees and covered usage, but no part of the fees went to the usage. Fees
-- with a fee offset are left out, because the export itself shows which part of them was used.
WITH pools AS (
  {focus_pools}
),

-- A fee counts by its billed cost. If a promotion pays the whole fee, nothing is left to distribute.
pooled AS (
  SELECT
    line.billing_account_id,
    line.currency,
    line.x_usage_date,
    line.invoice_month,
    category,
    SUM(IF(is_fee AND NOT is_offset, billed_cost, 0)) AS fees,
    SUM(pools.covered_cost) AS covered_cost
  FROM pools
  GROUP BY line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, category, pool
  HAVING SUM(IF(is_fee AND NOT is_offset, billed_cost, 0)) > 0
    AND SUM(pools.covered_cost) > 0
),

-- UNION ALL and GROUP BY instead of a join, because parts of the key may be NULL.
met AS (
  SELECT
    billing_account_id,
    currency,
    x_usage_date,
    invoice_month,
    category,
    fees,
    covered_cost,
    NUMERIC '0' AS effective_cost
  FROM pooled
  UNION ALL
  SELECT
    BillingAccountId AS billing_account_id,
    BillingCurrency AS currency,
    DATE(ChargePeriodStart) AS x_usage_date,
    DATE(BillingPeriodStart, 'America/Los_Angeles') AS invoice_month,
    CommitmentDiscountCategory AS category,
    NUMERIC '0' AS fees,
    NUMERIC '0' AS covered_cost,
    EffectiveCost AS effective_cost
  FROM {focus}
  WHERE CommitmentDiscountStatus = 'Used'
    AND BilledCost = 0
)

SELECT
  billing_account_id AS account,
  currency,
  x_usage_date AS usage_date,
  invoice_month,
  category,
  SUM(fees) AS fees,
  SUM(covered_cost) AS covered_cost,
  SUM(effective_cost) AS effective_cost
FROM met
GROUP BY account, currency, usage_date, invoice_month, category
HAVING SUM(met.fees) > 0
  AND SUM(met.effective_cost) = 0
