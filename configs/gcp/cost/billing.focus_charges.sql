-- name: focus_charges
-- The export's rows in flat form: the billed cost of each, and its credits by kind of commitment. If a credit has no
-- type, its name shows the kind. A row whose unit does not fit its cost is priced as one charge. Most rows have no
-- credits of commitments, so credits are added up by kind only in rows that have some.
WITH exported AS (
  SELECT
    *,
    (SELECT SUM(each.amount) FROM UNNEST(credits) AS each) AS credit,
    ARRAY(
      SELECT AS STRUCT
        each.amount,
        NULLIF(each.id, '') AS id,
        COALESCE(NULLIF(each.full_name, ''), NULLIF(each.name, '')) AS name,
        LOWER(each.type) = 'fee_utilization_offset' AS is_fee_offset,
        CASE
          WHEN LOWER(each.type) = 'committed_usage_discount_dollar_base' THEN 'Spend'
          WHEN STARTS_WITH(LOWER(each.type), 'committed_usage_discount') THEN 'Usage'
          WHEN NULLIF(each.type, '') IS NOT NULL THEN NULL
          WHEN REGEXP_CONTAINS(COALESCE(NULLIF(each.id, ''), each.name), r'(?i)dollar[- ]based') THEN 'Spend'
          ELSE 'Usage'
        END AS category
      FROM UNNEST(credits) AS each
      WHERE STARTS_WITH(LOWER(each.type), 'committed_usage_discount')
        OR LOWER(each.type) = 'fee_utilization_offset'
        OR (
          NULLIF(each.type, '') IS NULL
          AND REGEXP_CONTAINS(COALESCE(NULLIF(each.id, ''), each.name), r'(?i)^committed us(?:ag)?e discount')
        )
    ) AS committed
  FROM {extract}
),

credits_by_kind AS (
  SELECT
    *,
    IF(
      ARRAY_LENGTH(committed) = 0,
      NULL,
      (
        SELECT AS STRUCT
          SUM(IF(each.category = 'Usage', each.amount, 0)) AS resource_amount,
          MIN(IF(each.category = 'Usage', each.id, NULL)) AS resource_id,
          MIN(IF(each.category = 'Usage', each.name, NULL)) AS resource_name,
          SUM(IF(each.category = 'Spend', each.amount, 0)) AS spend_amount,
          MIN(IF(each.category = 'Spend', each.id, NULL)) AS spend_id,
          MIN(IF(each.category = 'Spend', each.name, NULL)) AS spend_name,
          COUNTIF(each.is_fee_offset) > 0 AS is_fee_offset
        FROM UNNEST(committed) AS each
      )
    ) AS credited
  FROM exported
),

-- If `tags` has a key twice, the value that comes first in the alphabet counts: PARSE_JSON keeps the first of two
-- equal keys.
lines AS (
  SELECT
    billing_account_id,
    COALESCE(NULLIF(service.description, ''), NULLIF(service.id, ''), 'Google Cloud') AS service_name,
    NULLIF(sku.id, '') AS sku_id,
    NULLIF(sku.description, '') AS sku_name,
    usage_start_time AS period_start,
    IF(
      usage_end_time > usage_start_time, usage_end_time, TIMESTAMP_ADD(usage_start_time, INTERVAL 1 HOUR)
    ) AS period_end,
    DATE_TRUNC(DATE(usage_start_time, 'America/Los_Angeles'), MONTH) AS usage_month,
    COALESCE(
      PARSE_DATE('%Y%m', REGEXP_EXTRACT(invoice.month, r'^2[0-9][0-9][0-9](?:0[1-9]|1[0-2])$')),
      DATE_TRUNC(DATE(usage_start_time, 'America/Los_Angeles'), MONTH)
    ) AS invoice_month,
    NULLIF(project.id, '') AS project_id,
    COALESCE(NULLIF(project.name, ''), NULLIF(project.id, '')) AS project_name,
    NULLIF(location.region, '') AS region,
    NULLIF(location.zone, '') AS zone,
    COALESCE(NULLIF(resource.global_name, ''), NULLIF(resource.name, '')) AS resource_id,
    IF(NULLIF(resource.global_name, '') != resource.name, NULLIF(resource.name, ''), NULL) AS resource_name,
    COALESCE(
      NULLIF(consumption_model.applied_subscription_instance_id, ''), NULLIF(subscription.instance_id, '')
    ) AS subscription_id,
    NULLIF(consumption_model.applied_subscription_instance_id, '') IS NOT NULL AS is_applied,
    IF(STARTS_WITH(transaction_type, 'THIRD_PARTY'), NULLIF(seller_name, ''), NULL) AS seller,
    currency,
    IF(
      CAST(currency_conversion_rate AS NUMERIC) > 0 AND currency_conversion_rate < 1e9,
      CAST(currency_conversion_rate AS NUMERIC),
      NULL
    ) AS conversion_rate,
    CASE COALESCE(cost_type, 'regular')
      WHEN 'regular' THEN
        IF(STARTS_WITH(LOWER(sku.description), 'commitment') OR COALESCE(credited.is_fee_offset, FALSE), 'Purchase', 'Usage')
      WHEN 'tax' THEN 'Tax'
      ELSE 'Adjustment'
    END AS charge_category,
    NULLIF(adjustment_info.id, '') IS NOT NULL OR cost_type = 'adjustment' AS is_adjusted,
    NULLIF(adjustment_info.description, '') AS adjustment,
    COALESCE(cost, 0) AS cost,
    cost_at_list,
    COALESCE(credit, 0) AS credit,
    COALESCE(credited.resource_amount, 0) AS resource_credit,
    credited.resource_id AS resource_credit_id,
    credited.resource_name AS resource_credit_name,
    COALESCE(credited.spend_amount, 0) AS spend_credit,
    credited.spend_id AS spend_credit_id,
    credited.spend_name AS spend_credit_name,
    COALESCE(credited.is_fee_offset, FALSE) AS is_fee_offset,
    CAST(usage.amount AS NUMERIC) AS used,
    NULLIF(usage.unit, '') AS used_unit,
    CAST(usage.amount_in_pricing_units AS NUMERIC) AS priced,
    NULLIF(usage.pricing_unit, '') AS priced_unit,
    price.effective_price / COALESCE(NULLIF(price.pricing_unit_quantity, 0), 1) AS effective_price,
    price.list_price / COALESCE(NULLIF(price.pricing_unit_quantity, 0), 1) AS list_price,
    price.tier_start_amount AS tier,
    IF(LOWER(consumption_model.description) = 'default', NULL, NULLIF(consumption_model.id, '')) AS model_id,
    IF(LOWER(consumption_model.description) = 'default', NULL, NULLIF(consumption_model.description, '')) AS model_name,
    (
      SELECT
        PARSE_JSON(CONCAT(
          '{{',
          STRING_AGG(
            CONCAT(TO_JSON_STRING(member.key), ':', TO_JSON_STRING(member.value)), ','
            ORDER BY CONCAT(TO_JSON_STRING(member.key), ':', TO_JSON_STRING(member.value))
          ),
          '}}'
        ))
      FROM UNNEST(ARRAY_CONCAT(
        ARRAY(SELECT AS STRUCT label.key, label.value FROM UNNEST(labels) AS label),
        ARRAY(SELECT AS STRUCT CONCAT('project/', label.key) AS key, label.value FROM UNNEST(project.labels) AS label),
        ARRAY(
          SELECT AS STRUCT CONCAT('tag/', COALESCE(CONCAT(tag.namespace, '/'), ''), tag.key) AS key, tag.value
          FROM UNNEST(tags) AS tag
        )
      )) AS member
      WHERE member.key IS NOT NULL
    ) AS tags,
    x_source,
    x_usage_date,
    x_pipeline_logging_id,
    x_ingested_at
  FROM credits_by_kind
)

SELECT
  lines AS line,
  cost + credit AS billed_cost,
  IF(charge_category IN ('Usage', 'Purchase'), cost, cost + credit) AS contracted_cost,
  IF(charge_category IN ('Usage', 'Purchase'), COALESCE(cost_at_list, cost), cost + credit) AS list_cost,
  IF(
    priced_unit IS NULL OR priced IS NULL OR (cost != 0 AND SIGN(priced) = -SIGN(cost))
    OR (priced = 0 AND (cost != 0 OR COALESCE(cost_at_list, 0) != 0)),
    STRUCT(IF(cost < 0, NUMERIC '-1', NUMERIC '1') AS quantity, 'Charges' AS unit),
    STRUCT(priced AS quantity, priced_unit AS unit)
  ) AS pricing,
  charge_category = 'Purchase' OR (
    charge_category = 'Usage'
    AND (resource_credit != 0 OR spend_credit != 0 OR (model_id IS NOT NULL AND subscription_id IS NULL))
  ) AS is_shared
FROM lines
