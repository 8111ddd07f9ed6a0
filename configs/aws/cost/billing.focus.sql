-- name: focus_lines
-- The report's rows with the values that FOCUS needs: the kind of charge, its commitment and its costs. Legacy
-- reports fill in reservation_subscription_id for on-demand usage too, so that id is ignored in rows that no
-- reservation covers.
WITH lines AS (
  SELECT
    *,
    line_item_line_item_type AS kind,
    COALESCE(line_item_net_unblended_cost, line_item_unblended_cost, 0) AS charged,
    CASE
      WHEN STARTS_WITH(line_item_line_item_type, 'SavingsPlan') THEN
        COALESCE(savings_plan_savings_plan_a_r_n, savings_plan_offering_type, 'Savings Plan')
      WHEN line_item_line_item_type != 'Usage' THEN savings_plan_savings_plan_a_r_n
    END AS savings_plan_id,
    CASE
      WHEN line_item_line_item_type IN ('DiscountedUsage', 'RIFee') THEN
        COALESCE(reservation_reservation_a_r_n, reservation_subscription_id, 'Reservation')
      WHEN line_item_line_item_type != 'Usage' THEN reservation_reservation_a_r_n
    END AS reservation_id
  FROM {extract}
  WHERE line_item_line_item_type != 'SavingsPlanNegation'
)

-- AWS writes the units GB-Mo and Hrs. FOCUS writes GB-Months and Hours.
SELECT
  lines AS line,
  REGEXP_REPLACE(
    REGEXP_REPLACE(
      REGEXP_REPLACE(lines.pricing_unit, r'(?i)\b(?:mo|month)$', 'Months'), r'(?i)\b(?:hrs?|hour)$', 'Hours'
    ),
    r'(?i)\b(?:sec|second)$',
    'Seconds'
  ) AS unit,
  COALESCE(savings_plan_id, reservation_id) AS commitment_id,
  savings_plan_id IS NOT NULL AS is_savings_plan,
  kind IN ('SavingsPlanCoveredUsage', 'DiscountedUsage') AS is_covered,
  kind = 'Refund' AND line_item_usage_start_date < TIMESTAMP(x_billing_period) AS is_correction,
  CASE
    WHEN kind = 'Tax' OR line_item_tax_type IS NOT NULL THEN 'Tax'
    WHEN kind = 'Credit' THEN 'Credit'
    WHEN kind IN ('Fee', 'RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') THEN 'Purchase'
    WHEN kind = 'Refund' AND COALESCE(savings_plan_id, reservation_id) IS NOT NULL THEN 'Purchase'
    WHEN kind IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'Refund') THEN 'Usage'
    ELSE 'Adjustment'
  END AS charge_category,
  IF(kind IN ('SavingsPlanCoveredUsage', 'DiscountedUsage'), 0, charged) AS billed_cost,
  CASE
    WHEN kind = 'SavingsPlanCoveredUsage' THEN
      COALESCE(savings_plan_net_savings_plan_effective_cost, savings_plan_savings_plan_effective_cost, 0)
    WHEN kind = 'DiscountedUsage' THEN COALESCE(reservation_net_effective_cost, reservation_effective_cost, 0)
    WHEN kind IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') THEN 0
    WHEN kind IN ('Fee', 'Refund') AND COALESCE(savings_plan_id, reservation_id) IS NOT NULL THEN 0
    ELSE charged
  END AS effective_cost,
  CASE
    WHEN kind = 'SavingsPlanRecurringFee' THEN
      COALESCE(savings_plan_total_commitment_to_date, 0) - COALESCE(savings_plan_used_commitment, 0)
    WHEN kind = 'RIFee' THEN
      COALESCE(
        reservation_net_unused_amortized_upfront_fee_for_billing_period,
        reservation_unused_amortized_upfront_fee_for_billing_period,
        0
      ) + COALESCE(reservation_net_unused_recurring_fee, reservation_unused_recurring_fee, 0)
    ELSE 0
  END AS unused_cost,
  CASE
    WHEN kind = 'DiscountedUsage' THEN COALESCE(pricing_public_on_demand_cost, reservation_effective_cost, 0)
    WHEN kind = 'SavingsPlanCoveredUsage' THEN COALESCE(line_item_unblended_cost, 0)
    ELSE charged
  END AS contracted_cost,
  IF(
    kind IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage'),
    COALESCE(pricing_public_on_demand_cost, line_item_unblended_cost, 0),
    charged
  ) AS list_cost
FROM lines

-- name: focus_parts
-- All rows. Each fee, which is a purchase, gets a second row for the unused part of its commitment.
WITH charges AS (
  {focus_lines}
),

parts AS (
  SELECT
    line,
    commitment_id,
    is_savings_plan,
    is_correction,
    charge_category,
    IF(is_covered, 'Used', NULL) AS commitment_status,
    billed_cost,
    effective_cost,
    contracted_cost,
    list_cost,
    line.line_item_usage_amount AS used,
    unit
  FROM charges
  UNION ALL
  SELECT
    line,
    commitment_id,
    is_savings_plan,
    is_correction,
    'Usage' AS charge_category,
    'Unused' AS commitment_status,
    NUMERIC '0' AS billed_cost,
    unused_cost AS effective_cost,
    NUMERIC '0' AS contracted_cost,
    NUMERIC '0' AS list_cost,
    line.reservation_unused_quantity AS used,
    unit
  FROM charges
  WHERE unused_cost != 0
)

SELECT
  *,
  charge_category IN ('Usage', 'Purchase') AND NOT is_correction AS is_priced,
  IF(
    COALESCE(used, 0) = 0 OR SIGN(used) * SIGN(contracted_cost) < 0 OR SIGN(used) * SIGN(list_cost) < 0
    OR (commitment_status = 'Unused'),
    STRUCT(IF(contracted_cost < 0, NUMERIC '-1', NUMERIC '1') AS quantity, 'Charges' AS unit),
    STRUCT(used AS quantity, COALESCE(unit, 'Units') AS unit)
  ) AS pricing
FROM parts

-- name: focus_rows
-- The report's rows in the columns of FOCUS 1.2 to 1.4.
-- param: aws_service_categories STRING
WITH categories AS (
  SELECT
    LOWER(JSON_VALUE(each, '$.service')) AS service,
    JSON_VALUE(each, '$.name') AS name,
    JSON_VALUE(each, '$.category') AS category,
    JSON_VALUE(each, '$.subcategory') AS subcategory
  FROM UNNEST(JSON_QUERY_ARRAY(@aws_service_categories)) AS each
),

parts AS (
  {focus_parts}
),

priced AS (
  SELECT
    *,
    IF(is_priced, pricing.quantity, NULL) AS priced_quantity,
    IF(is_priced, contracted_cost / pricing.quantity, NULL) AS contracted_unit_price,
    IF(is_priced, list_cost / pricing.quantity, NULL) AS list_unit_price,
    is_priced AND charge_category = 'Usage' AND COALESCE(commitment_status, 'Used') = 'Used' AS is_consumed,
    IF(line.bill_billing_entity = 'AWS Marketplace', COALESCE(line.line_item_legal_entity, 'AWS'), 'AWS') AS seller,
    COALESCE(NULLIF(line.product_sku, ''), JSON_VALUE(line.product, '$.sku')) AS sku,
    COALESCE(
      NULLIF(line.product_region_code, ''), JSON_VALUE(line.product, '$.region'), JSON_VALUE(line.product, '$.region_code')
    ) AS region,
    COALESCE(NULLIF(line.product_product_name, ''), JSON_VALUE(line.product, '$.product_name')) AS product_name
  FROM parts
)

SELECT
  CAST(NULL AS JSON) AS AllocatedMethodDetails,
  CAST(NULL AS STRING) AS AllocatedMethodId,
  CAST(NULL AS STRING) AS AllocatedResourceId,
  CAST(NULL AS STRING) AS AllocatedResourceName,
  CAST(NULL AS JSON) AS AllocatedTags,
  line.line_item_availability_zone AS AvailabilityZone,
  priced.billed_cost AS BilledCost,
  line.bill_payer_account_id AS BillingAccountId,
  COALESCE(line.bill_payer_account_name, line.bill_payer_account_id) AS BillingAccountName,
  'Billing Account' AS BillingAccountType,
  line.line_item_currency_code AS BillingCurrency,
  TIMESTAMP(DATE_ADD(line.x_billing_period, INTERVAL 1 MONTH)) AS BillingPeriodEnd,
  TIMESTAMP(line.x_billing_period) AS BillingPeriodStart,
  CAST(NULL AS STRING) AS CapacityReservationId,
  CAST(NULL AS STRING) AS CapacityReservationStatus,
  priced.charge_category AS ChargeCategory,
  IF(priced.is_correction, 'Correction', NULL) AS ChargeClass,
  CONCAT(
    IF(priced.commitment_status = 'Unused', 'Unused: ', ''),
    COALESCE(line.line_item_line_item_description, line.line_item_usage_type, line.kind)
  ) AS ChargeDescription,
  CASE
    WHEN priced.charge_category = 'Usage' THEN 'Usage-Based'
    WHEN line.kind IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring'
    ELSE 'One-Time'
  END AS ChargeFrequency,
  IF(
    line.line_item_usage_end_date > line.line_item_usage_start_date,
    line.line_item_usage_end_date,
    TIMESTAMP_ADD(line.line_item_usage_start_date, INTERVAL 1 HOUR)
  ) AS ChargePeriodEnd,
  line.line_item_usage_start_date AS ChargePeriodStart,
  CASE
    WHEN priced.commitment_id IS NULL THEN NULL
    WHEN priced.is_savings_plan THEN 'Spend'
    ELSE 'Usage'
  END AS CommitmentDiscountCategory,
  priced.commitment_id AS CommitmentDiscountId,
  priced.commitment_id AS CommitmentDiscountName,
  CASE
    WHEN priced.commitment_id IS NULL OR NOT priced.is_priced THEN NULL
    WHEN priced.is_savings_plan AND priced.charge_category = 'Purchase' THEN priced.billed_cost
    WHEN priced.is_savings_plan THEN priced.effective_cost
    ELSE COALESCE(priced.used, priced.pricing.quantity)
  END AS CommitmentDiscountQuantity,
  priced.commitment_status AS CommitmentDiscountStatus,
  CASE
    WHEN priced.commitment_id IS NULL THEN NULL
    WHEN priced.is_savings_plan THEN COALESCE(line.savings_plan_offering_type, 'Savings Plan')
    ELSE 'Reservation'
  END AS CommitmentDiscountType,
  CASE
    WHEN priced.commitment_id IS NULL OR NOT priced.is_priced THEN NULL
    WHEN priced.is_savings_plan THEN line.line_item_currency_code
    ELSE COALESCE(priced.unit, priced.pricing.unit)
  END AS CommitmentDiscountUnit,
  CAST(NULL AS JSON) AS CommitmentProgramEligibilityDetails,
  IF(priced.is_consumed, priced.pricing.quantity, NULL) AS ConsumedQuantity,
  IF(priced.is_consumed, priced.pricing.unit, NULL) AS ConsumedUnit,
  CAST(NULL AS JSON) AS ContractApplied,
  priced.contracted_cost AS ContractedCost,
  priced.contracted_unit_price AS ContractedUnitPrice,
  priced.effective_cost AS EffectiveCost,
  'AWS' AS HostProviderName,
  CAST(NULL AS STRING) AS InvoiceDetailId,
  line.bill_invoice_id AS InvoiceId,
  'AWS' AS InvoiceIssuerName,
  priced.list_cost AS ListCost,
  priced.list_unit_price AS ListUnitPrice,
  CASE
    WHEN NOT priced.is_priced THEN NULL
    WHEN priced.commitment_id IS NOT NULL AND priced.charge_category = 'Usage' THEN 'Committed'
    WHEN line.pricing_term = 'Spot' THEN 'Dynamic'
    ELSE 'Standard'
  END AS PricingCategory,
  line.line_item_currency_code AS PricingCurrency,
  priced.contracted_unit_price AS PricingCurrencyContractedUnitPrice,
  priced.effective_cost AS PricingCurrencyEffectiveCost,
  priced.list_unit_price AS PricingCurrencyListUnitPrice,
  priced.priced_quantity AS PricingQuantity,
  IF(priced.is_priced, priced.pricing.unit, NULL) AS PricingUnit,
  'AWS' AS ProviderName,
  priced.seller AS PublisherName,
  priced.region AS RegionId,
  IF(priced.region IS NULL, NULL, COALESCE(line.product_location, priced.region)) AS RegionName,
  IF(
    priced.charge_category = 'Purchase', priced.commitment_id, line.line_item_resource_id
  ) AS ResourceId,
  CAST(NULL AS STRING) AS ResourceName,
  CASE
    WHEN priced.charge_category = 'Purchase' THEN IF(priced.commitment_id IS NULL, NULL, 'Commitment')
    WHEN line.line_item_resource_id IS NULL THEN NULL
    ELSE COALESCE(line.product_product_family, line.line_item_product_code)
  END AS ResourceType,
  COALESCE(categories.category, 'Other') AS ServiceCategory,
  COALESCE(categories.name, priced.product_name, line.line_item_product_code) AS ServiceName,
  priced.seller AS ServiceProviderName,
  COALESCE(categories.subcategory, 'Other (Other)') AS ServiceSubcategory,
  IF(priced.charge_category = 'Tax', NULL, priced.sku) AS SkuId,
  IF(priced.charge_category = 'Tax' OR priced.sku IS NULL, NULL, line.line_item_usage_type) AS SkuMeter,
  CAST(NULL AS JSON) AS SkuPriceDetails,
  IF(
    priced.is_priced AND priced.sku IS NOT NULL, COALESCE(line.pricing_rate_code, line.pricing_rate_id, priced.sku), NULL
  ) AS SkuPriceId,
  line.line_item_usage_account_id AS SubAccountId,
  COALESCE(line.line_item_usage_account_name, line.line_item_usage_account_id) AS SubAccountName,
  IF(line.line_item_usage_account_id IS NULL, NULL, 'Account') AS SubAccountType,
  PARSE_JSON(line.resource_tags) AS Tags,
  CAST(NULL AS STRING) AS x_consumption_model,
  line.x_source,
  'aws_cost_and_usage_report' AS x_source_version,
  line.x_pipeline_logging_id,
  line.x_ingested_at
FROM priced
LEFT JOIN categories
  ON categories.service = LOWER(line.line_item_product_code)
