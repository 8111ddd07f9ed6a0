-- name: focus_rows
-- The export's rows in the columns of FOCUS 1.2 to 1.4.
-- param: service_categories STRING
-- param: units STRING
WITH categories AS (
  SELECT
    LOWER(JSON_VALUE(line, '$.service')) AS service,
    JSON_VALUE(line, '$.category') AS category,
    JSON_VALUE(line, '$.subcategory') AS subcategory
  FROM UNNEST(JSON_QUERY_ARRAY(@service_categories)) AS line
),

units AS (
  SELECT
    JSON_VALUE(line, '$.unit') AS unit,
    JSON_VALUE(line, '$.focus_unit') AS focus_unit
  FROM UNNEST(JSON_QUERY_ARRAY(@units)) AS line
),

-- Each billing period with its start. Looking up the start of a month in a time zone is quicker than computing it for
-- each row.
months AS (
  SELECT
    month,
    TIMESTAMP(month, 'America/Los_Angeles') AS period_start,
    TIMESTAMP(DATE_ADD(month, INTERVAL 1 MONTH), 'America/Los_Angeles') AS period_end
  FROM UNNEST(GENERATE_DATE_ARRAY('2015-01-01', '2044-12-01', INTERVAL 1 MONTH)) AS month
),

parts AS (
  {focus_parts}
)

SELECT
  CAST(NULL AS JSON) AS AllocatedMethodDetails,
  CAST(NULL AS STRING) AS AllocatedMethodId,
  CAST(NULL AS STRING) AS AllocatedResourceId,
  CAST(NULL AS STRING) AS AllocatedResourceName,
  CAST(NULL AS JSON) AS AllocatedTags,
  line.zone AS AvailabilityZone,
  part.billed_cost AS BilledCost,
  line.billing_account_id AS BillingAccountId,
  line.billing_account_id AS BillingAccountName,
  'Billing Account' AS BillingAccountType,
  line.currency AS BillingCurrency,
  COALESCE(
    months.period_end, TIMESTAMP(DATE_ADD(line.invoice_month, INTERVAL 1 MONTH), 'America/Los_Angeles')
  ) AS BillingPeriodEnd,
  COALESCE(months.period_start, TIMESTAMP(line.invoice_month, 'America/Los_Angeles')) AS BillingPeriodStart,
  CAST(NULL AS STRING) AS CapacityReservationId,
  CAST(NULL AS STRING) AS CapacityReservationStatus,
  IF(part.kind = 'unused', 'Usage', parts.charge_category) AS ChargeCategory,
  IF(is_correction, 'Correction', NULL) AS ChargeClass,
  CONCAT(
    CASE part.kind WHEN 'unused' THEN 'Unused: ' WHEN 'covered' THEN 'Covered by a commitment: '
      WHEN 'adjustment' THEN 'Adjustment of a commitment: ' ELSE '' END,
    COALESCE(line.sku_name, line.service_name),
    COALESCE(CONCAT(' (', line.adjustment, ')'), ''),
    COALESCE(
      CONCAT(' at ', CAST(contracted_unit_price AS STRING), ' ', line.currency, ' per ', parts.pricing.unit), ''
    )
  ) AS ChargeDescription,
  CASE
    WHEN parts.charge_category = 'Usage' OR part.kind = 'unused' THEN 'Usage-Based'
    WHEN parts.charge_category = 'Purchase' THEN 'Recurring'
    ELSE 'One-Time'
  END AS ChargeFrequency,
  line.period_end AS ChargePeriodEnd,
  line.period_start AS ChargePeriodStart,
  IF(commitment_id IS NULL, NULL, parts.commitment_category) AS CommitmentDiscountCategory,
  commitment_id AS CommitmentDiscountId,
  IF(commitment_id IS NULL, NULL, parts.commitment_name) AS CommitmentDiscountName,
  CASE
    WHEN commitment_id IS NULL OR is_correction OR part.kind = 'adjustment' THEN NULL
    WHEN parts.commitment_category = 'Usage' AND part.kind = 'unused' THEN unused_quantity
    WHEN parts.commitment_category = 'Usage' THEN part.quantity
    WHEN part.kind = 'rest' THEN part.contracted_cost
    ELSE part.effective_cost
  END AS CommitmentDiscountQuantity,
  CASE
    WHEN commitment_id IS NULL OR part.kind = 'adjustment' THEN NULL
    WHEN part.kind = 'rest' AND parts.charge_category = 'Purchase' THEN NULL
    WHEN part.kind = 'unused' THEN 'Unused'
    ELSE 'Used'
  END AS CommitmentDiscountStatus,
  CASE
    WHEN commitment_id IS NULL THEN NULL
    WHEN parts.commitment_category = 'Spend' THEN 'Spend-based committed use discount'
    ELSE 'Resource-based committed use discount'
  END AS CommitmentDiscountType,
  CASE
    WHEN commitment_id IS NULL OR is_correction OR part.kind = 'adjustment' THEN NULL
    WHEN parts.commitment_category = 'Spend' THEN line.currency
    ELSE COALESCE(priced_units.focus_unit, parts.pricing.unit)
  END AS CommitmentDiscountUnit,
  CAST(NULL AS JSON) AS CommitmentProgramEligibilityDetails,
  CASE
    WHEN NOT is_priced OR parts.charge_category != 'Usage' THEN NULL
    WHEN line.used_unit IS NULL OR line.used IS NULL THEN part.quantity
    ELSE part.used
  END AS ConsumedQuantity,
  CASE
    WHEN NOT is_priced OR parts.charge_category != 'Usage' THEN NULL
    WHEN line.used_unit IS NULL OR line.used IS NULL THEN COALESCE(priced_units.focus_unit, parts.pricing.unit)
    ELSE COALESCE(used_units.focus_unit, line.used_unit)
  END AS ConsumedUnit,
  CAST(NULL AS JSON) AS ContractApplied,
  part.contracted_cost AS ContractedCost,
  contracted_unit_price AS ContractedUnitPrice,
  part.effective_cost AS EffectiveCost,
  'Google Cloud' AS HostProviderName,
  CAST(NULL AS STRING) AS InvoiceDetailId,
  CAST(NULL AS STRING) AS InvoiceId,
  'Google Cloud' AS InvoiceIssuerName,
  part.list_cost AS ListCost,
  list_unit_price AS ListUnitPrice,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN part.kind != 'rest' OR (commitment_id IS NOT NULL AND parts.charge_category = 'Usage') THEN 'Committed'
    WHEN REGEXP_CONTAINS(line.sku_name, r'\b(?:Spot|Preemptible)\b') THEN 'Dynamic'
    ELSE 'Standard'
  END AS PricingCategory,
  IF(line.conversion_rate IS NULL, line.currency, 'USD') AS PricingCurrency,
  contracted_unit_price / COALESCE(line.conversion_rate, 1) AS PricingCurrencyContractedUnitPrice,
  part.effective_cost / COALESCE(line.conversion_rate, 1) AS PricingCurrencyEffectiveCost,
  list_unit_price / COALESCE(line.conversion_rate, 1) AS PricingCurrencyListUnitPrice,
  IF(is_priced, part.quantity, NULL) AS PricingQuantity,
  IF(is_priced, COALESCE(priced_units.focus_unit, parts.pricing.unit), NULL) AS PricingUnit,
  'Google Cloud' AS ProviderName,
  COALESCE(line.seller, 'Google Cloud') AS PublisherName,
  line.region AS RegionId,
  line.region AS RegionName,
  IF(parts.charge_category = 'Purchase', commitment_id, line.resource_id) AS ResourceId,
  IF(parts.charge_category = 'Purchase', NULL, line.resource_name) AS ResourceName,
  CASE
    WHEN parts.charge_category = 'Purchase' THEN 'Commitment'
    WHEN line.resource_id IS NULL THEN NULL
    ELSE COALESCE(REGEXP_EXTRACT(line.resource_id, r'/([^/]+)/[^/]+$'), line.service_name)
  END AS ResourceType,
  COALESCE(categories.category, 'Other') AS ServiceCategory,
  line.service_name AS ServiceName,
  COALESCE(line.seller, 'Google Cloud') AS ServiceProviderName,
  COALESCE(categories.subcategory, 'Other (Other)') AS ServiceSubcategory,
  IF(parts.charge_category = 'Tax', NULL, line.sku_id) AS SkuId,
  IF(parts.charge_category = 'Tax' OR line.sku_id IS NULL, NULL, line.sku_name) AS SkuMeter,
  IF(
    is_priced AND line.sku_id IS NOT NULL AND line.tier IS NOT NULL,
    JSON_OBJECT('x_TierStartAmount', line.tier, 'x_ConsumptionModel', line.model_name),
    NULL
  ) AS SkuPriceDetails,
  IF(
    is_priced,
    CONCAT(
      line.sku_id, COALESCE(CONCAT('/', CAST(line.tier AS STRING)), ''), COALESCE(CONCAT('/', line.model_id), '')
    ),
    NULL
  ) AS SkuPriceId,
  line.project_id AS SubAccountId,
  IF(line.project_id IS NULL, NULL, line.project_name) AS SubAccountName,
  IF(line.project_id IS NULL, NULL, 'Project') AS SubAccountType,
  line.tags AS Tags,
  CASE
    WHEN parts.charge_category != 'Usage' THEN NULL
    WHEN line.model_id IS NOT NULL THEN line.model_name
    WHEN line.is_applied THEN COALESCE(line.model_name, 'Default')
  END AS x_consumption_model,
  line.x_source,
  COALESCE(REGEXP_EXTRACT(line.x_source, r'\.(gcp_billing_export(?:_resource)?_v[0-9]+)_[^.]*$'), 'gcp_billing_export')
    AS x_source_version,
  line.x_pipeline_logging_id,
  line.x_ingested_at
FROM parts
LEFT JOIN months
  ON months.month = line.invoice_month
LEFT JOIN categories
  ON categories.service = LOWER(line.service_name)
LEFT JOIN units AS priced_units
  ON priced_units.unit = parts.pricing.unit
LEFT JOIN units AS used_units
  ON used_units.unit = line.used_unit
