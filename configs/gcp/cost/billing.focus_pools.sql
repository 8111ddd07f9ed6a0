-- name: focus_pools
-- Fees and the usage that they cover, each with its pool (ADR 0009). A charge has one row for each kind of commitment
-- in its credits. focus_parts and focus_utilization read this statement.
WITH charges AS (
  {focus_charges}
),

-- A price of the 2025 model belongs to a spend-based commitment, whatever kind of credits the row has.
classified AS (
  SELECT
    *,
    line.charge_category = 'Purchase' AS is_fee,
    line.charge_category = 'Usage' AND (
      line.model_id IS NOT NULL OR (line.is_applied AND line.resource_credit = 0 AND line.spend_credit = 0)
    ) AS is_model,
    CASE
      WHEN line.charge_category = 'Usage' THEN NULL
      WHEN line.spend_credit != 0 OR line.is_fee_offset THEN 'Spend'
      WHEN line.resource_credit != 0 THEN 'Usage'
      WHEN line.model_id IS NOT NULL OR line.is_applied OR REGEXP_CONTAINS(line.sku_name, r'(?i)dollar[- ]based')
        THEN 'Spend'
      ELSE 'Usage'
    END AS fee_category,
    CASE
      WHEN line.charge_category != 'Usage' THEN 0
      WHEN line.cost > 0 AND line.resource_credit < 0 THEN LEAST(line.cost, -line.resource_credit)
      WHEN line.cost < 0 AND line.resource_credit > 0 THEN GREATEST(line.cost, -line.resource_credit)
      ELSE 0
    END AS resource_covered
  FROM charges
  WHERE is_shared
),

-- Google applies resource-based commitments first and spend-based ones to the rest. This does the same.
covered AS (
  SELECT
    *,
    CASE
      WHEN line.charge_category != 'Usage' THEN resource_covered
      WHEN line.cost > 0 AND line.spend_credit < 0 THEN LEAST(line.cost, resource_covered - line.spend_credit)
      WHEN line.cost < 0 AND line.spend_credit > 0 THEN GREATEST(line.cost, resource_covered - line.spend_credit)
      ELSE resource_covered
    END AS all_covered
  FROM classified
),

-- The covered share of a row. Most rows are covered completely or not at all.
resource_measures AS (
  SELECT
    *,
    CASE
      WHEN resource_covered = 0 THEN STRUCT(NUMERIC '0' AS list_cost, NUMERIC '0' AS quantity, NUMERIC '0' AS used)
      WHEN resource_covered = line.cost THEN STRUCT(list_cost, pricing.quantity, COALESCE(line.used, 0))
      ELSE STRUCT(
        list_cost * resource_covered / line.cost,
        pricing.quantity * resource_covered / line.cost,
        COALESCE(line.used * resource_covered / line.cost, 0)
      )
    END AS by_resource
  FROM covered
),

measures AS (
  SELECT
    *,
    CASE
      WHEN all_covered = resource_covered THEN by_resource
      WHEN all_covered = line.cost THEN STRUCT(list_cost, pricing.quantity, COALESCE(line.used, 0))
      ELSE STRUCT(
        list_cost * all_covered / line.cost,
        pricing.quantity * all_covered / line.cost,
        COALESCE(line.used * all_covered / line.cost, 0)
      )
    END AS by_all
  FROM resource_measures
),

-- Credits that are higher than the cost of their row adjust the commitment by the difference. Google sends such
-- credits late or to take earlier ones back.
by_kind AS (
  SELECT
    *,
    [
      STRUCT(
        'Usage' AS category,
        IF(is_fee, fee_category = 'Usage', line.resource_credit != 0) AS is_had,
        IF(is_fee, TRUE, NOT is_model AND line.resource_credit != 0) AS has_rest,
        IF(is_model, NULL, line.subscription_id) AS subscription_id,
        line.resource_credit_id AS credit_id,
        line.resource_credit_name AS credit_name,
        resource_covered AS covered_cost,
        by_resource.list_cost,
        by_resource.quantity,
        by_resource.used,
        IF(is_fee, 0, line.resource_credit + resource_covered) AS adjustment
      ),
      STRUCT(
        'Spend',
        IF(is_fee, fee_category = 'Spend', is_model OR line.spend_credit != 0),
        is_fee OR is_model OR line.resource_credit = 0,
        line.subscription_id,
        line.spend_credit_id,
        COALESCE(line.model_name, line.spend_credit_name),
        all_covered - resource_covered,
        by_all.list_cost - by_resource.list_cost,
        by_all.quantity - by_resource.quantity,
        by_all.used - by_resource.used,
        IF(is_fee, 0, line.spend_credit + all_covered - resource_covered)
      )
    ] AS kinds
  FROM measures
),

shares AS (
  SELECT
    by_kind.line,
    by_kind.pricing,
    by_kind.billed_cost,
    by_kind.contracted_cost,
    by_kind.list_cost,
    by_kind.is_fee,
    by_kind.is_model,
    kind.category AS kind_category,
    kind.has_rest,
    COALESCE(
      kind.subscription_id,
      IF(by_kind.is_fee, COALESCE(by_kind.line.sku_id, by_kind.line.sku_name, by_kind.line.service_name), NULL)
    ) AS name,
    kind.credit_id,
    kind.credit_name,
    kind.covered_cost,
    kind.list_cost AS covered_list_cost,
    kind.quantity AS covered_quantity,
    kind.used AS covered_used,
    kind.adjustment,
    by_kind.all_covered,
    by_kind.by_all.list_cost AS all_list_cost,
    by_kind.by_all.quantity AS all_quantity,
    by_kind.by_all.used AS all_used,
    IF(by_kind.is_fee, 0, by_kind.line.resource_credit + by_kind.line.spend_credit + by_kind.all_covered)
      AS all_adjustments
  FROM by_kind
  CROSS JOIN UNNEST(by_kind.kinds) AS kind
  WHERE kind.is_had
),

-- Fees and covered usage of one day and invoice month that name the same commitment. After the first fee offset of a
-- commitment, the export itself shows which part of the fees was used.
same_names AS (
  SELECT
    *,
    COUNTIF(covered_cost != 0 AND kind_category = 'Usage') OVER same_name > 0 AS has_resource_covered,
    COUNTIF(covered_cost != 0 AND kind_category = 'Spend') OVER same_name > 0 AS has_spend_covered,
    COUNTIF(is_fee) OVER same_name > 0 AS has_fee,
    COUNTIF(is_fee AND kind_category = 'Usage') OVER same_name > 0 AS has_resource_fee,
    COUNTIF(is_fee AND kind_category = 'Spend') OVER same_name > 0 AS has_spend_fee,
    COALESCE(
      is_fee AND line.period_start >= MIN(IF(line.is_fee_offset, line.period_start, NULL)) OVER same_name, FALSE
    ) AS is_offset
  FROM shares
  WINDOW same_name AS (
    PARTITION BY line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, name
  )
),

-- The name of a fee decides before its category: if all credits with that name are of one kind, the fee is of this
-- kind.
named AS (
  SELECT
    *,
    CASE
      WHEN NOT is_fee OR has_resource_covered = has_spend_covered THEN kind_category
      WHEN has_resource_covered THEN 'Usage'
      ELSE 'Spend'
    END AS category,
    CASE
      WHEN name IS NULL THEN FALSE
      WHEN has_resource_covered AND has_spend_covered
        THEN IF(kind_category = 'Usage', has_resource_fee, has_spend_fee)
      ELSE has_fee AND (has_resource_covered OR has_spend_covered)
    END AS is_met
  FROM same_names
)

-- Rows whose name has no match form one pool. If only usage is left without a match, all rows form one pool.
-- Resource-based commitments are measured in the unit of their price, spend-based ones in US dollars. One unit of a
-- spend-based fee is one cent of commitment, as in Google's own queries, if that makes the fee a discount. A fee
-- whose category differs from the kind of its credits is not measured.
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
  IF(category = 'Spend', 'USD', pricing.unit) AS unit,
  CASE
    WHEN NOT is_fee OR is_offset THEN 0
    WHEN category != kind_category THEN NULL
    WHEN category = 'Usage' THEN IF(pricing.unit = 'Charges', NULL, pricing.quantity)
    WHEN line.cost BETWEEN line.priced * COALESCE(line.conversion_rate, 1) / 500
      AND line.priced * COALESCE(line.conversion_rate, 1) / 100 THEN line.priced / 100
  END AS bought,
  IF(category = 'Spend', covered_cost / COALESCE(line.conversion_rate, 1), covered_quantity) AS covered
FROM named
WINDOW same_day AS (
  PARTITION BY line.billing_account_id, line.currency, line.x_usage_date, line.invoice_month, category
)
