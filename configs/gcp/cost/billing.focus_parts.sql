-- The FOCUS 1.2 statements of billing.yml: docs/focus.md says where each column comes from, and why.

-- name: focus_parts
-- The export's rows without their nesting, what a commitment covers or leaves unused apart (ADR 0009).
WITH exported AS (
  SELECT
    *,
    (
      SELECT AS STRUCT
        SUM(credit.amount) AS amount,
        SUM(IF(STARTS_WITH(credit.type, 'COMMITTED_USAGE_DISCOUNT'), credit.amount, 0)) AS committed,
        MIN(IF(STARTS_WITH(credit.type, 'COMMITTED_USAGE_DISCOUNT'), NULLIF(credit.id, ''), NULL)) AS committed_id,
        MIN(
          IF(
            STARTS_WITH(credit.type, 'COMMITTED_USAGE_DISCOUNT'),
            COALESCE(NULLIF(credit.full_name, ''), NULLIF(credit.name, '')),
            NULL
          )
        ) AS committed_name,
        COUNTIF(credit.type = 'FEE_UTILIZATION_OFFSET') > 0 AS is_fee_offset,
        COUNTIF(credit.type IN ('COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE', 'FEE_UTILIZATION_OFFSET')) > 0 AS is_spend_based
      FROM UNNEST(credits) AS credit
    ) AS credited
  FROM {extract}
),

lines AS (
  SELECT
    billing_account_id,
    COALESCE(
      NULLIF(REGEXP_REPLACE(service.description, r'[^ -~]', ''), ''), NULLIF(service.id, ''), 'Google Cloud'
    ) AS service_name,
    NULLIF(sku.id, '') AS sku_id,
    NULLIF(REGEXP_REPLACE(sku.description, r'[^ -~]', ''), '') AS sku_name,
    usage_start_time AS period_start,
    IF(
      usage_end_time > usage_start_time, usage_end_time, TIMESTAMP_ADD(usage_start_time, INTERVAL 1 HOUR)
    ) AS period_end,
    DATE_TRUNC(DATE(usage_start_time, 'America/Los_Angeles'), MONTH) AS usage_month,
    COALESCE(
      SAFE.PARSE_DATE('%Y%m', invoice.month), DATE_TRUNC(DATE(usage_start_time, 'America/Los_Angeles'), MONTH)
    ) AS invoice_month,
    NULLIF(project.id, '') AS project_id,
    COALESCE(NULLIF(project.name, ''), NULLIF(project.id, '')) AS project_name,
    NULLIF(location.region, '') AS region,
    NULLIF(location.zone, '') AS zone,
    COALESCE(NULLIF(resource.global_name, ''), NULLIF(resource.name, '')) AS resource_id,
    IF(NULLIF(resource.global_name, '') != resource.name, NULLIF(resource.name, ''), NULL) AS resource_name,
    NULLIF(subscription.instance_id, '') AS subscription_id,
    IF(STARTS_WITH(transaction_type, 'THIRD_PARTY'), NULLIF(seller_name, ''), NULL) AS seller,
    currency,
    IF(currency_conversion_rate > 0, CAST(currency_conversion_rate AS NUMERIC), NULL) AS conversion_rate,
    CASE COALESCE(cost_type, 'regular')
      WHEN 'regular' THEN
        IF(STARTS_WITH(sku.description, 'Commitment') OR credited.is_fee_offset, 'Purchase', 'Usage')
      WHEN 'tax' THEN 'Tax'
      ELSE 'Adjustment'
    END AS charge_category,
    NULLIF(adjustment_info.id, '') IS NOT NULL OR cost_type = 'adjustment' AS is_adjusted,
    NULLIF(adjustment_info.description, '') AS adjustment,
    COALESCE(cost, 0) AS cost,
    cost_at_list,
    COALESCE(credited.amount, 0) AS credit,
    COALESCE(credited.committed, 0) AS committed_credit,
    credited.committed_id AS committed_credit_id,
    credited.committed_name AS committed_credit_name,
    credited.is_spend_based,
    CAST(usage.amount AS NUMERIC) AS used,
    NULLIF(usage.unit, '') AS used_unit,
    CAST(usage.amount_in_pricing_units AS NUMERIC) AS priced,
    NULLIF(usage.pricing_unit, '') AS priced_unit,
    price.effective_price / COALESCE(NULLIF(price.pricing_unit_quantity, 0), 1) AS effective_price,
    price.list_price / COALESCE(NULLIF(price.pricing_unit_quantity, 0), 1) AS list_price,
    price.tier_start_amount AS tier,
    IF(consumption_model.description = 'Default', NULL, NULLIF(consumption_model.id, '')) AS model_id,
    IF(consumption_model.description = 'Default', NULL, NULLIF(consumption_model.description, '')) AS model_name,
    (
      SELECT PARSE_JSON(CONCAT('{{', STRING_AGG(member, ',' ORDER BY member), '}}'))
      FROM (
        SELECT CONCAT(TO_JSON_STRING(key), ':', TO_JSON_STRING(MIN(value))) AS member
        FROM (
          SELECT label.key, label.value FROM UNNEST(labels) AS label
          UNION ALL
          SELECT CONCAT('project/', label.key) AS key, label.value FROM UNNEST(project.labels) AS label
          UNION ALL
          SELECT CONCAT('tag/', COALESCE(CONCAT(tag.namespace, '/'), ''), tag.key) AS key, tag.value
          FROM UNNEST(tags) AS tag
        )
        WHERE key IS NOT NULL
        GROUP BY key
      )
    ) AS tags,
    x_source,
    x_usage_date,
    x_pipeline_logging_id,
    x_ingested_at
  FROM exported
),

-- What a row bills and what of it a commitment covers. What has no unit that fits its cost is priced as one charge.
charges AS (
  SELECT
    lines,
    cost + credit AS billed_cost,
    IF(charge_category IN ('Usage', 'Purchase'), cost, cost + credit) AS contracted_cost,
    IF(charge_category IN ('Usage', 'Purchase'), COALESCE(cost_at_list, cost), cost + credit) AS list_cost,
    CASE
      WHEN charge_category != 'Usage' THEN 0
      WHEN cost > 0 AND committed_credit < 0 THEN LEAST(cost, -committed_credit)
      WHEN cost < 0 AND committed_credit > 0 THEN GREATEST(cost, -committed_credit)
      ELSE 0
    END AS covered_cost,
    IF(
      priced_unit IS NULL OR priced IS NULL OR SIGN(priced) * SIGN(cost) < 0
      OR (priced = 0 AND (cost != 0 OR COALESCE(cost_at_list, 0) != 0)),
      STRUCT(IF(cost < 0, NUMERIC '-1', NUMERIC '1') AS quantity, 'Charges' AS unit),
      STRUCT(priced AS quantity, priced_unit AS unit)
    ) AS pricing,
    charge_category = 'Purchase' OR (charge_category = 'Usage' AND (committed_credit != 0 OR model_id IS NOT NULL))
      AS is_committed,
    IF(
      is_spend_based OR model_id IS NOT NULL OR REGEXP_CONTAINS(sku_name, r'(?i)dollar based'), 'Spend', 'Usage'
    ) AS commitment_category
  FROM lines
),

-- The day's only commitment of an account and category: it covers the usage that names no subscription.
only_commitments AS (
  SELECT
    lines.billing_account_id,
    lines.currency,
    lines.x_usage_date,
    commitment_category,
    MIN(COALESCE(lines.subscription_id, lines.sku_id)) AS commitment_id
  FROM charges
  WHERE lines.charge_category = 'Purchase'
  GROUP BY lines.billing_account_id, lines.currency, lines.x_usage_date, commitment_category
  HAVING COUNT(DISTINCT COALESCE(lines.subscription_id, lines.sku_id)) = 1
),

commitments AS (
  SELECT
    charges,
    charges.lines AS line,
    IF(
      charges.is_committed,
      COALESCE(
        charges.lines.subscription_id,
        only_commitments.commitment_id,
        charges.lines.committed_credit_id,
        charges.lines.model_id,
        charges.lines.sku_id
      ),
      NULL
    ) AS commitment_id
  FROM charges
  LEFT JOIN only_commitments
    ON only_commitments.billing_account_id = charges.lines.billing_account_id
    AND only_commitments.currency = charges.lines.currency
    AND only_commitments.x_usage_date = charges.lines.x_usage_date
    AND only_commitments.commitment_category = charges.commitment_category
),

-- What a commitment covers of a row, and the pool whose fees pay for it: a commitment's rows of a day and invoice month.
-- Rows of no commitment have nothing to share: their hour and SKU keep the pools small.
pooled AS (
  SELECT
    charges,
    line,
    commitment_id,
    IF(commitment_id IS NULL, line.period_start, NULL) AS lone_hour,
    IF(commitment_id IS NULL, line.sku_id, NULL) AS lone_sku,
    line.charge_category = 'Purchase' AS is_fee,
    IF(
      charges.covered_cost = 0, 0, COALESCE(SAFE_DIVIDE(charges.list_cost * charges.covered_cost, line.cost), 0)
    ) AS covered_list_cost,
    IF(
      charges.covered_cost = 0, 0, COALESCE(SAFE_DIVIDE(charges.pricing.quantity * charges.covered_cost, line.cost), 0)
    ) AS covered_quantity,
    IF(
      charges.covered_cost = 0, 0, COALESCE(SAFE_DIVIDE(line.used * charges.covered_cost, line.cost), 0)
    ) AS covered_used
  FROM commitments
),

-- How much was used of how much: all but where nothing was covered, or where hours were bought and fewer covered. Less
-- than a ten-thousandth is the rounding of Google's credits.
utilized AS (
  SELECT
    *,
    CASE
      WHEN SUM(charges.covered_cost) OVER pool <= 0 THEN STRUCT(NUMERIC '0' AS used, NUMERIC '1' AS bought)
      WHEN charges.commitment_category = 'Usage'
        AND MIN(IF(is_fee OR covered_quantity != 0, charges.pricing.unit, NULL)) OVER pool
          = MAX(IF(is_fee OR covered_quantity != 0, charges.pricing.unit, NULL)) OVER pool
        AND SUM(covered_quantity) OVER pool > 0
        AND SUM(covered_quantity) OVER pool < SUM(IF(is_fee, charges.pricing.quantity, 0)) OVER pool * NUMERIC '0.9999'
        THEN STRUCT(SUM(covered_quantity) OVER pool, SUM(IF(is_fee, charges.pricing.quantity, 0)) OVER pool)
      ELSE STRUCT(NUMERIC '1', NUMERIC '1')
    END AS utilization
  FROM pooled
  WINDOW pool AS (
    PARTITION BY
      line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, commitment_id, lone_hour, lone_sku
  )
),

-- What was used of a pool's fees is spread over what it covered, to the last digit.
spread AS (
  SELECT
    *,
    charges.billed_cost * utilization.used / utilization.bought AS used_fee,
    SUM(IF(is_fee, charges.billed_cost * utilization.used / utilization.bought, 0)) OVER pool AS used_fees,
    SUM(charges.covered_cost) OVER pool AS covered,
    SUM(charges.covered_cost) OVER (
      pool
      ORDER BY
        IF(
          charges.covered_cost = 0,
          '',
          TO_JSON_STRING(
            STRUCT(
              line.period_start, line.sku_id, line.project_id, line.resource_id, line.zone, line.cost, line.credit,
              charges.covered_cost, charges.list_cost, line.priced, line.used, line.tags
            )
          )
        )
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS covered_so_far
  FROM utilized
  WINDOW pool AS (
    PARTITION BY
      line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, commitment_id, lone_hour, lone_sku
  )
)

SELECT
  charges,
  line,
  part,
  IF(part.kind = 'rest' AND charges.covered_cost != 0, NULL, commitment_id) AS commitment_id,
  line.charge_category IN ('Usage', 'Purchase') AS is_priced,
  line.is_adjusted AND line.usage_month < line.invoice_month AS is_correction,
  charges.pricing.quantity - charges.pricing.quantity * utilization.used / utilization.bought AS unused_quantity,
  CASE
    WHEN line.charge_category NOT IN ('Usage', 'Purchase') THEN NULL
    WHEN charges.pricing.quantity = 0 THEN COALESCE(line.effective_price, 0)
    WHEN ABS(line.effective_price * charges.pricing.quantity - line.cost)
      <= NUMERIC '0.000001' + ABS(charges.pricing.quantity) * NUMERIC '0.000000001' THEN line.effective_price
    ELSE line.cost / charges.pricing.quantity
  END AS contracted_unit_price,
  CASE
    WHEN line.charge_category NOT IN ('Usage', 'Purchase') THEN NULL
    WHEN charges.pricing.quantity = 0 THEN COALESCE(line.list_price, 0)
    WHEN SIGN(charges.list_cost) * SIGN(charges.pricing.quantity) < 0 THEN NULL
    WHEN ABS(line.list_price * charges.pricing.quantity - charges.list_cost)
      <= NUMERIC '0.000001' + ABS(charges.pricing.quantity) * NUMERIC '0.000000001' THEN line.list_price
    ELSE charges.list_cost / charges.pricing.quantity
  END AS list_unit_price
FROM spread
CROSS JOIN UNNEST([
  STRUCT(
    'rest' AS kind,
    charges.billed_cost AS billed_cost,
    charges.contracted_cost - charges.covered_cost AS contracted_cost,
    charges.list_cost - covered_list_cost AS list_cost,
    charges.pricing.quantity - covered_quantity AS quantity,
    line.used - covered_used AS used,
    IF(is_fee, 0, charges.billed_cost) AS effective_cost
  ),
  STRUCT(
    'covered', 0, charges.covered_cost, covered_list_cost, covered_quantity, covered_used,
    IF(
      covered > 0,
      used_fees * (covered_so_far / covered) - used_fees * ((covered_so_far - charges.covered_cost) / covered),
      0
    )
  ),
  STRUCT('unused', 0, 0, 0, 0, 0, IF(is_fee, charges.billed_cost - used_fee, 0))
]) AS part
WHERE CASE part.kind
  WHEN 'covered' THEN charges.covered_cost != 0
  WHEN 'unused' THEN part.effective_cost != 0
  ELSE charges.covered_cost = 0 OR charges.covered_cost != line.cost OR charges.billed_cost != 0
END
