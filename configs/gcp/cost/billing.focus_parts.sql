-- name: focus_parts
-- Splits each row into parts: its billed cost, the cost that a commitment covers, and the unused part of the
-- commitment's fee (ADR 0009). Only fees and the usage that they cover need window functions. Any other row is one
-- part.
WITH charges AS (
  {focus_charges}
),

pools AS (
  {focus_pools}
),

-- The used amount and the bought amount. A difference below 0.0001 comes from the rounding of Google's credits. If
-- corrections take back more hours than the day has, only the costs show that usage was covered.
measured AS (
  SELECT
    *,
    CASE
      WHEN is_offset THEN STRUCT(NUMERIC '0' AS used, NUMERIC '1' AS bought)
      WHEN bought IS NULL THEN STRUCT(NUMERIC '1', NUMERIC '1')
      WHEN SUM(covered) OVER same_unit <= 0 AND SUM(covered_cost) OVER same_unit <= 0 THEN NULL
      WHEN SUM(covered) OVER same_unit <= 0 THEN STRUCT(NUMERIC '1', NUMERIC '1')
      WHEN SUM(covered) OVER same_unit < SUM(bought) OVER same_unit * NUMERIC '0.9999'
        THEN STRUCT(SUM(covered) OVER same_unit, SUM(bought) OVER same_unit)
      ELSE STRUCT(NUMERIC '1', NUMERIC '1')
    END AS utilization,
    covered_cost != 0 AND COALESCE(SUM(bought) OVER same_unit, 0) <= 0 AS is_unmeasured
  FROM pools
  WINDOW same_unit AS (
    PARTITION BY
      line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, category, pool, unit
  )
),

-- The units of fees and usage may differ. If no covered usage has the unit of a fee, the fee counts as used when
-- there is covered usage in a unit that no fee has.
spread AS (
  SELECT
    *,
    SUM(covered_cost) OVER same_pool AS pool_covered,
    COUNTIF(is_unmeasured) OVER same_pool > 0 AS has_unmeasured,
    SUM(IF(is_fee, COALESCE(billed_cost * utilization.used / utilization.bought, 0), 0)) OVER same_pool AS measured_fees,
    SUM(IF(is_fee AND utilization IS NULL, billed_cost, 0)) OVER same_pool AS other_fees,
    SUM(covered_cost) OVER (
      same_pool
      ORDER BY
        covered_cost, line.period_start, line.sku_id, line.project_id, line.resource_id, line.zone, line.region,
        line.cost, line.credit, list_cost, line.priced, line.used, line.subscription_id, credit_id,
        line.period_end, line.service_name, line.sku_name, line.adjustment, TO_JSON_STRING(line.tags)
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS covered_so_far
  FROM measured
  WINDOW same_pool AS (
    PARTITION BY line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, category, pool
  )
),

utilized AS (
  SELECT
    *,
    CASE
      WHEN pool_covered <= 0 THEN STRUCT(NUMERIC '0' AS used, NUMERIC '1' AS bought)
      WHEN utilization IS NOT NULL THEN utilization
      ELSE STRUCT(IF(has_unmeasured, NUMERIC '1', NUMERIC '0'), NUMERIC '1')
    END AS share,
    IF(pool_covered > 0, measured_fees + IF(has_unmeasured, other_fees, 0), 0) AS used_fees,
    covered_so_far - covered_cost AS covered_before
  FROM spread
),

-- Rounding leaves a rest. The last row of a pool gets it, so that the shares of the pool add up exactly.
paid AS (
  SELECT
    *,
    CASE
      WHEN used_fees = 0 THEN 0
      WHEN covered_so_far = pool_covered THEN used_fees
      ELSE used_fees * covered_so_far / pool_covered
    END AS paid_so_far,
    CASE
      WHEN used_fees = 0 THEN 0
      WHEN covered_before = pool_covered THEN used_fees
      ELSE used_fees * covered_before / pool_covered
    END AS paid_before
  FROM utilized
),

-- The parts of a row are an array in a column, so that no join is needed.
split AS (
  SELECT
    line,
    pricing,
    list_cost,
    category,
    COALESCE(
      name, only_name, credit_id, credit_name, line.model_id, line.sku_id, line.sku_name, line.service_name
    ) AS shared_commitment_id,
    IF(is_fee, line.sku_name, credit_name) AS shared_commitment_name,
    is_fee OR is_model AS is_rest_committed,
    pricing.quantity - pricing.quantity * share.used / share.bought AS unused_quantity,
    covered_cost != 0 AS has_covered,
    has_rest AND (
      is_fee OR line.cost != all_covered OR billed_cost != all_adjustments
      OR (all_covered = 0 AND (all_adjustments = 0 OR line.used != 0 OR list_cost != 0))
    ) AS has_rest,
    [
      STRUCT(
        'rest' AS kind,
        billed_cost - all_adjustments AS billed_cost,
        contracted_cost - all_covered AS contracted_cost,
        list_cost - all_list_cost AS list_cost,
        pricing.quantity - all_quantity AS quantity,
        line.used - all_used AS used,
        IF(is_fee, 0, billed_cost - all_adjustments) AS effective_cost
      ),
      STRUCT(
        'covered', 0, covered_cost, covered_list_cost, covered_quantity, covered_used,
        paid_so_far - paid_before
      ),
      STRUCT('unused', 0, 0, 0, 0, 0, IF(is_fee, billed_cost - billed_cost * share.used / share.bought, 0)),
      STRUCT('adjustment', adjustment, 0, 0, 0, 0, adjustment)
    ] AS row_parts
  FROM paid
),

parts AS (
  SELECT
    line,
    pricing,
    list_cost,
    'Spend' AS commitment_category,
    line.model_name AS commitment_name,
    IF(
      line.charge_category = 'Usage' AND (line.model_id IS NOT NULL OR line.is_applied), line.subscription_id, NULL
    ) AS commitment_id,
    NUMERIC '0' AS unused_quantity,
    STRUCT(
      'rest' AS kind,
      billed_cost AS billed_cost,
      contracted_cost AS contracted_cost,
      list_cost AS list_cost,
      pricing.quantity AS quantity,
      line.used AS used,
      billed_cost AS effective_cost
    ) AS part
  FROM charges
  WHERE NOT is_shared
  UNION ALL
  SELECT
    split.line,
    split.pricing,
    split.list_cost,
    split.category AS commitment_category,
    split.shared_commitment_name AS commitment_name,
    IF(part.kind = 'rest' AND NOT split.is_rest_committed, NULL, split.shared_commitment_id) AS commitment_id,
    split.unused_quantity,
    part
  FROM split
  CROSS JOIN UNNEST(split.row_parts) AS part
  WHERE CASE part.kind
    WHEN 'covered' THEN split.has_covered
    WHEN 'rest' THEN split.has_rest
    ELSE part.effective_cost != 0
  END
),

-- FOCUS 1.4 forbids a price without a SkuPriceId. FOCUS 1.2 and 1.4 require a price for usage and purchases that are
-- not corrections, so these have one even without a SkuPriceId.
judged AS (
  SELECT
    *,
    IF(part.kind = 'adjustment', 'Adjustment', line.charge_category) AS charge_category,
    COALESCE(line.is_adjusted AND line.usage_month < line.invoice_month, FALSE) AS is_correction
  FROM parts
),

priced AS (
  SELECT
    *,
    charge_category IN ('Usage', 'Purchase') AND (line.sku_id IS NOT NULL OR NOT is_correction) AS is_priced
  FROM judged
),

-- How far price times quantity is from the row's cost. A price is shown if rounding explains the difference.
compared AS (
  SELECT
    *,
    ABS(line.effective_price * pricing.quantity - line.cost) AS effective_difference,
    ABS(line.list_price * pricing.quantity - list_cost) AS list_difference
  FROM priced
)

SELECT
  line,
  pricing,
  commitment_category,
  part,
  commitment_id,
  commitment_name,
  unused_quantity,
  charge_category,
  is_priced,
  is_correction,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN pricing.quantity = 0 THEN COALESCE(line.effective_price, 0)
    WHEN effective_difference <= NUMERIC '0.000001' THEN line.effective_price
    WHEN effective_difference
      <= NUMERIC '0.000001' + (ABS(pricing.quantity) + ABS(line.effective_price)) * NUMERIC '0.000000001'
      THEN line.effective_price
    ELSE line.cost / pricing.quantity
  END AS contracted_unit_price,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN pricing.quantity = 0 THEN COALESCE(line.list_price, 0)
    WHEN list_cost != 0 AND SIGN(list_cost) = -SIGN(pricing.quantity) THEN NULL
    WHEN list_difference <= NUMERIC '0.000001' THEN line.list_price
    WHEN list_difference
      <= NUMERIC '0.000001' + (ABS(pricing.quantity) + ABS(line.list_price)) * NUMERIC '0.000000001'
      THEN line.list_price
    ELSE list_cost / pricing.quantity
  END AS list_unit_price
FROM compared
