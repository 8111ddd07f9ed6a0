-- name: focus_utilization
-- Days and invoice months on which fees and the usage they cover were of one pool, and nothing of the fees went to it.
-- Fees that Google offsets are not asked for: of those the export itself says what was used.
WITH pools AS (
  {focus_pools}
),

-- Fees count as what they bill: one that a promotion pays for has nothing to give.
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

-- Each key once, whatever of it is NULL: grouped, and not joined.
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
