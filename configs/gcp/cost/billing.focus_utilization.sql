-- name: focus_utilization
-- Days and invoice months on which an account's commitments covered usage, and none of their fees went to it. Fees that
-- Google offsets are not asked for: of those the export itself says what was used.
WITH committed AS (
  SELECT
    billing_account_id,
    currency,
    x_usage_date,
    COALESCE(
      FORMAT_DATE('%Y%m', SAFE.PARSE_DATE('%Y%m', invoice.month)),
      FORMAT_TIMESTAMP('%Y%m', usage_start_time, 'America/Los_Angeles')
    ) AS invoice_month,
    sku.id AS sku_id,
    STARTS_WITH(sku.description, 'Commitment') AS is_fee,
    IF(
      REGEXP_CONTAINS(sku.description, r'(?i)dollar[- ]based')
      OR 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE' IN (SELECT credit.type FROM UNNEST(credits) AS credit),
      'Spend',
      'Usage'
    ) AS category,
    cost,
    LEAST(
      cost,
      (
        SELECT SUM(IF(STARTS_WITH(credit.type, 'COMMITTED_USAGE_DISCOUNT'), -credit.amount, 0))
        FROM UNNEST(credits) AS credit
      )
    ) AS covered,
    'FEE_UTILIZATION_OFFSET' IN (SELECT credit.type FROM UNNEST(credits) AS credit) AS is_offset
  FROM {extract}
  WHERE COALESCE(cost_type, 'regular') = 'regular'
),

-- Each key once, whatever of it is NULL: grouped, and not joined.
met AS (
  SELECT
    billing_account_id,
    currency,
    x_usage_date,
    invoice_month,
    category,
    SUM(cost) AS fees,
    NUMERIC '0' AS covered_cost,
    NUMERIC '0' AS effective_cost
  FROM committed
  WHERE is_fee
  GROUP BY billing_account_id, currency, x_usage_date, invoice_month, category, sku_id
  HAVING COUNTIF(is_offset) = 0
  UNION ALL
  SELECT
    billing_account_id,
    currency,
    x_usage_date,
    invoice_month,
    category,
    NUMERIC '0' AS fees,
    covered AS covered_cost,
    NUMERIC '0' AS effective_cost
  FROM committed
  WHERE NOT is_fee
  UNION ALL
  SELECT
    BillingAccountId AS billing_account_id,
    BillingCurrency AS currency,
    DATE(ChargePeriodStart) AS x_usage_date,
    FORMAT_TIMESTAMP('%Y%m', BillingPeriodStart, 'America/Los_Angeles') AS invoice_month,
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
  AND SUM(met.covered_cost) > 0
  AND SUM(met.effective_cost) = 0
