-- name: focus_rows
-- The rows of Azure's exports in the columns of FOCUS 1.2 to 1.4.
-- param: azure_service_categories STRING
-- param: azure_units STRING
WITH categories AS (
  SELECT
    LOWER(JSON_VALUE(each, '$.service')) AS service,
    JSON_VALUE(each, '$.category') AS category,
    JSON_VALUE(each, '$.subcategory') AS subcategory
  FROM UNNEST(JSON_QUERY_ARRAY(@azure_service_categories)) AS each
),

units AS (
  SELECT
    JSON_VALUE(each, '$.unit') AS unit,
    JSON_VALUE(each, '$.focus_unit') AS focus_unit
  FROM UNNEST(JSON_QUERY_ARRAY(@azure_units)) AS each
),

charges AS (
  {focus_lines}
),

measured AS (
  SELECT
    charges.*,
    COALESCE(units.focus_unit, INITCAP(charges.pricing.unit)) AS unit,
    charges.charge_category IN ('Usage', 'Purchase') AND (charges.line.sku IS NOT NULL OR NOT charges.is_correction)
      AS is_priced,
    -- The contracted cost of usage comes from its contracted price, also if a commitment covers the usage. A row
    -- without such a price has its own cost. An unused part has no contracted cost.
    IF(charges.is_unused, 0, COALESCE(charges.unit_price * charges.pricing.quantity, charges.line.cost)) AS contracted_cost
  FROM charges
  LEFT JOIN units
    ON units.unit = charges.pricing.unit
),

priced AS (
  SELECT
    *,
    CASE
      WHEN is_unused THEN 0
      WHEN line.PaygCostInBillingCurrency != 0 AND charge_category = 'Usage' THEN line.PaygCostInBillingCurrency
      ELSE COALESCE(list_price * pricing.quantity, contracted_cost)
    END AS list_cost,
    charge_category = 'Usage' AND is_priced AND NOT is_unused AS is_consumed,
    LOWER(COALESCE(line.PublisherType, '')) = 'marketplace' AS is_marketplace,
    IF(line.x_agreement_type = 'MCA', line.BillingProfileId, line.BillingAccountId) AS account_id,
    IF(line.x_agreement_type = 'MCA', line.BillingProfileName, line.BillingAccountName) AS account_name,
    CASE
      WHEN NOT is_committed OR line.benefit_id IS NULL THEN NULL
      WHEN REGEXP_CONTAINS(line.benefit_id, r'(?i)microsoft\.billingbenefits') OR STARTS_WITH(line.PricingModel, 'Savings')
        THEN 'Spend'
      ELSE 'Usage'
    END AS commitment_category,
    SAFE_CAST(JSON_VALUE(line.AdditionalInfo, '$.RINormalizationRatio') AS NUMERIC) AS normalization
  FROM measured
)

SELECT
  CAST(NULL AS JSON) AS AllocatedMethodDetails,
  CAST(NULL AS STRING) AS AllocatedMethodId,
  CAST(NULL AS STRING) AS AllocatedResourceId,
  CAST(NULL AS STRING) AS AllocatedResourceName,
  CAST(NULL AS JSON) AS AllocatedTags,
  NULLIF(line.AvailabilityZone, '') AS AvailabilityZone,
  priced.billed_cost AS BilledCost,
  priced.account_id AS BillingAccountId,
  COALESCE(NULLIF(priced.account_name, ''), priced.account_id) AS BillingAccountName,
  IF(line.x_agreement_type = 'MCA', 'Billing Profile', 'Billing Account') AS BillingAccountType,
  line.BillingCurrency AS BillingCurrency,
  TIMESTAMP(DATE_ADD(line.x_billing_period, INTERVAL 1 MONTH)) AS BillingPeriodEnd,
  TIMESTAMP(line.x_billing_period) AS BillingPeriodStart,
  NULLIF(JSON_VALUE(line.AdditionalInfo, '$.VMCapacityReservationId'), '') AS CapacityReservationId,
  CASE
    WHEN NULLIF(JSON_VALUE(line.AdditionalInfo, '$.VMCapacityReservationId'), '') IS NULL THEN NULL
    WHEN REGEXP_CONTAINS(line.ResourceId, r'(?i)/microsoft\.compute/capacityreservationgroups/') THEN 'Unused'
    ELSE 'Used'
  END AS CapacityReservationStatus,
  priced.charge_category AS ChargeCategory,
  IF(priced.is_correction, 'Correction', NULL) AS ChargeClass,
  CONCAT(IF(priced.is_unused, 'Unused: ', ''), COALESCE(line.product_text, line.service, line.ChargeType)) AS ChargeDescription,
  CASE
    WHEN priced.charge_category = 'Usage' THEN 'Usage-Based'
    WHEN line.Frequency = 'Recurring' THEN 'Recurring'
    ELSE 'One-Time'
  END AS ChargeFrequency,
  TIMESTAMP(DATE_ADD(line.x_usage_date, INTERVAL 1 DAY)) AS ChargePeriodEnd,
  TIMESTAMP(line.x_usage_date) AS ChargePeriodStart,
  priced.commitment_category AS CommitmentDiscountCategory,
  IF(priced.commitment_category IS NULL, NULL, line.benefit_id) AS CommitmentDiscountId,
  IF(priced.commitment_category IS NULL, NULL, line.benefit_name) AS CommitmentDiscountName,
  CASE
    WHEN priced.commitment_category IS NULL OR priced.is_correction THEN NULL
    WHEN priced.commitment_category = 'Spend' AND priced.charge_category = 'Purchase' THEN line.cost / line.rate
    WHEN priced.commitment_category = 'Spend' THEN priced.effective_cost / line.rate
    ELSE COALESCE(line.Quantity, 1) * COALESCE(priced.normalization, 1)
  END AS CommitmentDiscountQuantity,
  CASE
    WHEN priced.commitment_category IS NULL OR priced.charge_category != 'Usage' THEN NULL
    WHEN priced.is_unused THEN 'Unused'
    ELSE 'Used'
  END AS CommitmentDiscountStatus,
  CASE priced.commitment_category WHEN 'Spend' THEN 'Savings Plan' WHEN 'Usage' THEN 'Reservation' END
    AS CommitmentDiscountType,
  CASE
    WHEN priced.commitment_category IS NULL OR priced.is_correction THEN NULL
    WHEN priced.commitment_category = 'Spend' THEN COALESCE(NULLIF(line.PricingCurrency, ''), line.BillingCurrency)
    WHEN priced.normalization IS NOT NULL THEN CONCAT('Normalized ', priced.unit)
    ELSE priced.unit
  END AS CommitmentDiscountUnit,
  CAST(NULL AS JSON) AS CommitmentProgramEligibilityDetails,
  IF(priced.is_consumed, priced.pricing.quantity * priced.pricing.block_size, NULL) AS ConsumedQuantity,
  IF(priced.is_consumed, priced.unit, NULL) AS ConsumedUnit,
  CAST(NULL AS JSON) AS ContractApplied,
  priced.contracted_cost AS ContractedCost,
  IF(priced.is_priced, priced.contracted_cost / priced.pricing.quantity, NULL) AS ContractedUnitPrice,
  priced.effective_cost AS EffectiveCost,
  'Microsoft' AS HostProviderName,
  CAST(NULL AS STRING) AS InvoiceDetailId,
  NULLIF(line.InvoiceId, '') AS InvoiceId,
  COALESCE(NULLIF(line.PartnerName, ''), 'Microsoft') AS InvoiceIssuerName,
  priced.list_cost AS ListCost,
  IF(priced.is_priced, priced.list_cost / priced.pricing.quantity, NULL) AS ListUnitPrice,
  CASE
    WHEN NOT priced.is_priced THEN NULL
    WHEN priced.commitment_category IS NOT NULL AND priced.charge_category = 'Usage' THEN 'Committed'
    WHEN line.PricingModel = 'Spot' THEN 'Dynamic'
    ELSE 'Standard'
  END AS PricingCategory,
  COALESCE(NULLIF(line.PricingCurrency, ''), line.BillingCurrency) AS PricingCurrency,
  IF(priced.is_priced, priced.contracted_cost / priced.pricing.quantity / line.rate, NULL)
    AS PricingCurrencyContractedUnitPrice,
  priced.effective_cost / line.rate AS PricingCurrencyEffectiveCost,
  IF(priced.is_priced, priced.list_cost / priced.pricing.quantity / line.rate, NULL) AS PricingCurrencyListUnitPrice,
  IF(priced.is_priced, priced.pricing.quantity, NULL) AS PricingQuantity,
  CASE
    WHEN NOT priced.is_priced THEN NULL
    WHEN priced.pricing.block_size = 1 THEN priced.unit
    ELSE CONCAT(CAST(priced.pricing.block_size AS STRING), ' ', priced.unit)
  END AS PricingUnit,
  'Microsoft' AS ProviderName,
  IF(priced.is_marketplace, COALESCE(NULLIF(line.PublisherName, ''), 'Microsoft'), 'Microsoft') AS PublisherName,
  IF(line.region IN ('global', 'unassigned', 'unknown'), NULL, line.region) AS RegionId,
  IF(
    line.region IS NULL OR line.region IN ('global', 'unassigned', 'unknown'),
    NULL,
    COALESCE(NULLIF(line.Location, ''), line.ResourceLocation)
  ) AS RegionName,
  IF(priced.charge_category = 'Purchase', COALESCE(line.benefit_id, NULLIF(line.ResourceId, '')), NULLIF(line.ResourceId, ''))
    AS ResourceId,
  NULLIF(COALESCE(NULLIF(line.ResourceName, ''), REGEXP_EXTRACT(line.ResourceId, r'([^/]+)/?$')), '') AS ResourceName,
  CASE
    WHEN priced.charge_category = 'Purchase' THEN 'Commitment'
    ELSE COALESCE(
      LOWER(REGEXP_EXTRACT(line.ResourceId, r'(?i)/providers/([^/]+/[^/]+)/[^/]+$')), NULLIF(line.ConsumedService, '')
    )
  END AS ResourceType,
  COALESCE(categories.category, 'Other') AS ServiceCategory,
  COALESCE(line.service, 'Microsoft') AS ServiceName,
  IF(priced.is_marketplace, COALESCE(NULLIF(line.PublisherName, ''), 'Microsoft'), 'Microsoft') AS ServiceProviderName,
  COALESCE(categories.subcategory, 'Other (Other)') AS ServiceSubcategory,
  IF(priced.charge_category = 'Tax', NULL, line.sku) AS SkuId,
  IF(priced.charge_category = 'Tax' OR line.sku IS NULL, NULL, COALESCE(NULLIF(line.MeterName, ''), line.product_text))
    AS SkuMeter,
  IF(
    priced.is_priced AND line.sku IS NOT NULL AND JSON_VALUE(line.AdditionalInfo, '$.ServiceType') IS NOT NULL,
    JSON_OBJECT('x_ServiceType', JSON_VALUE(line.AdditionalInfo, '$.ServiceType'), 'x_ImageType', JSON_VALUE(line.AdditionalInfo, '$.ImageType')),
    NULL
  ) AS SkuPriceDetails,
  IF(priced.is_priced, CONCAT(line.sku, COALESCE(CONCAT('/', NULLIF(NULLIF(line.MeterId, ''), line.sku)), '')), NULL) AS SkuPriceId,
  NULLIF(line.SubscriptionId, '') AS SubAccountId,
  IF(NULLIF(line.SubscriptionId, '') IS NULL, NULL, COALESCE(NULLIF(line.SubscriptionName, ''), line.SubscriptionId))
    AS SubAccountName,
  IF(NULLIF(line.SubscriptionId, '') IS NULL, NULL, 'Subscription') AS SubAccountType,
  -- JSON_QUERY returns NULL if a text is not valid JSON. PARSE_JSON would raise an error.
  PARSE_JSON(JSON_QUERY(IF(STARTS_WITH(TRIM(line.Tags), '{{'), line.Tags, CONCAT('{{', line.Tags, '}}')), '$')) AS Tags,
  CAST(NULL AS STRING) AS x_consumption_model,
  line.x_source,
  CONCAT('azure_', LOWER(line.x_export_kind), '_', LOWER(line.x_agreement_type)) AS x_source_version,
  line.x_pipeline_logging_id,
  line.x_ingested_at
FROM priced
LEFT JOIN categories
  ON categories.service = LOWER(line.service)
