-- name: focus_parts
-- What rows bill, what a commitment covers and what of its fees was not used, each apart (ADR 0009). Only fees and what
-- they pay for pass a window; any other row is one part, and needs none.
WITH charges AS (
  {focus_charges}
),

shared_charges AS (
  SELECT
    *,
    line.charge_category = 'Purchase' AS is_fee,
    COALESCE(line.subscription_id, IF(line.charge_category = 'Purchase', line.sku_id, NULL)) AS name,
    IF(covered_cost = 0, 0, COALESCE(SAFE_DIVIDE(list_cost * covered_cost, line.cost), 0)) AS covered_list_cost,
    IF(covered_cost = 0, 0, COALESCE(SAFE_DIVIDE(pricing.quantity * covered_cost, line.cost), 0)) AS covered_quantity,
    IF(covered_cost = 0, 0, COALESCE(SAFE_DIVIDE(line.used * covered_cost, line.cost), 0)) AS covered_used
  FROM charges
  WHERE is_shared
),

-- A fee meets the covered usage of a day, invoice month and category that names its commitment. From the first offset
-- on, the export itself says what of a commitment's fees was used.
named AS (
  SELECT
    *,
    name IS NOT NULL AND COUNTIF(is_fee) OVER same_name > 0 AND COUNTIF(covered_cost != 0) OVER same_name > 0 AS is_met,
    COALESCE(
      is_fee AND line.period_start >= MIN(IF(line.is_fee_offset, line.period_start, NULL)) OVER same_name, FALSE
    ) AS is_offset
  FROM shared_charges
  WINDOW same_name AS (
    PARTITION BY
      line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, commitment_category, name
  )
),

-- What met nothing is one pool, and so is all where only usage is left over. Hours are measured by their unit, a
-- commitment to spend in dollars: a unit of its fee stands for a cent (Google's own queries say so), if that makes it a
-- discount at all.
pooled AS (
  SELECT
    *,
    IF(
      is_met AND (
        COUNTIF(NOT is_met AND covered_cost != 0) OVER same_day = 0
        OR COUNTIF(NOT is_met AND is_fee AND NOT is_offset) OVER same_day > 0
      ),
      name,
      ''
    ) AS pool,
    IF(
      MIN(IF(is_fee, name, NULL)) OVER same_day = MAX(IF(is_fee, name, NULL)) OVER same_day,
      MIN(IF(is_fee, name, NULL)) OVER same_day,
      NULL
    ) AS only_name,
    IF(commitment_category = 'Spend', 'USD', pricing.unit) AS unit,
    CASE
      WHEN NOT is_fee OR is_offset THEN 0
      WHEN commitment_category = 'Usage' THEN IF(pricing.unit = 'Charges', NULL, pricing.quantity)
      WHEN line.cost BETWEEN line.priced * COALESCE(line.conversion_rate, 1) / 500
        AND line.priced * COALESCE(line.conversion_rate, 1) / 100 THEN line.priced / 100
    END AS bought,
    IF(commitment_category = 'Spend', covered_cost / COALESCE(line.conversion_rate, 1), covered_quantity) AS covered
  FROM named
  WINDOW same_day AS (
    PARTITION BY line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, commitment_category
  )
),

-- How much was used of how much. Less than a ten-thousandth is the rounding of Google's credits.
measured AS (
  SELECT
    *,
    CASE
      WHEN is_offset THEN STRUCT(NUMERIC '0' AS used, NUMERIC '1' AS bought)
      WHEN bought IS NULL THEN STRUCT(NUMERIC '1', NUMERIC '1')
      WHEN SUM(covered) OVER same_unit <= 0 THEN NULL
      WHEN SUM(covered) OVER same_unit < SUM(bought) OVER same_unit * NUMERIC '0.9999'
        THEN STRUCT(SUM(covered) OVER same_unit, SUM(bought) OVER same_unit)
      ELSE STRUCT(NUMERIC '1', NUMERIC '1')
    END AS utilization,
    covered_cost != 0 AND COALESCE(SUM(bought) OVER same_unit, 0) <= 0 AS is_unmeasured
  FROM pooled
  WINDOW same_unit AS (
    PARTITION BY
      line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, commitment_category, pool, unit
  )
),

-- A fee in a unit that nothing covered is in is used if something was covered in a unit that no fee is in.
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
        line.cost, line.credit, list_cost, line.priced, line.used, line.subscription_id, line.committed_credit_id,
        line.period_end, line.service_name, line.sku_name, line.adjustment, TO_JSON_STRING(line.tags)
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS covered_so_far
  FROM measured
  WINDOW same_pool AS (
    PARTITION BY line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, commitment_category, pool
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

-- The last of a pool's rows gets what rounding has left: a pool's shares add up to the last digit.
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

-- A shared row's parts in a column of it, so that no join brings them together.
split AS (
  SELECT
    line,
    pricing,
    list_cost,
    commitment_category,
    COALESCE(name, only_name, line.committed_credit_id, line.model_id, line.sku_id) AS shared_commitment_id,
    pricing.quantity - pricing.quantity * share.used / share.bought AS unused_quantity,
    covered_cost != 0 AS has_covered,
    covered_cost = 0 OR covered_cost != line.cost OR billed_cost != 0 AS has_rest,
    [
      STRUCT(
        'rest' AS kind,
        billed_cost AS billed_cost,
        contracted_cost - covered_cost AS contracted_cost,
        list_cost - covered_list_cost AS list_cost,
        pricing.quantity - covered_quantity AS quantity,
        line.used - covered_used AS used,
        IF(is_fee, 0, billed_cost) AS effective_cost
      ),
      STRUCT(
        'covered', 0, covered_cost, covered_list_cost, covered_quantity, covered_used,
        paid_so_far - paid_before
      ),
      STRUCT('unused', 0, 0, 0, 0, 0, IF(is_fee, billed_cost - billed_cost * share.used / share.bought, 0))
    ] AS row_parts
  FROM paid
),

parts AS (
  SELECT
    line,
    pricing,
    list_cost,
    commitment_category,
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
    split.commitment_category,
    IF(part.kind = 'rest' AND split.has_covered, NULL, split.shared_commitment_id) AS commitment_id,
    split.unused_quantity,
    part
  FROM split
  CROSS JOIN UNNEST(split.row_parts) AS part
  WHERE CASE part.kind
    WHEN 'covered' THEN split.has_covered
    WHEN 'unused' THEN part.effective_cost != 0
    ELSE split.has_rest
  END
)

SELECT
  line,
  pricing,
  commitment_category,
  part,
  commitment_id,
  unused_quantity,
  line.charge_category IN ('Usage', 'Purchase') AS is_priced,
  line.is_adjusted AND line.usage_month < line.invoice_month AS is_correction,
  CASE
    WHEN line.charge_category NOT IN ('Usage', 'Purchase') THEN NULL
    WHEN pricing.quantity = 0 THEN COALESCE(line.effective_price, 0)
    WHEN ABS(line.effective_price * pricing.quantity - line.cost)
      <= NUMERIC '0.000001' + ABS(pricing.quantity) * NUMERIC '0.000000001' THEN line.effective_price
    ELSE line.cost / pricing.quantity
  END AS contracted_unit_price,
  CASE
    WHEN line.charge_category NOT IN ('Usage', 'Purchase') THEN NULL
    WHEN pricing.quantity = 0 THEN COALESCE(line.list_price, 0)
    WHEN SIGN(list_cost) * SIGN(pricing.quantity) < 0 THEN NULL
    WHEN ABS(line.list_price * pricing.quantity - list_cost)
      <= NUMERIC '0.000001' + ABS(pricing.quantity) * NUMERIC '0.000000001' THEN line.list_price
    ELSE list_cost / pricing.quantity
  END AS list_unit_price
FROM parts
