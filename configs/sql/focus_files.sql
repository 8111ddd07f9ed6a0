-- name: billed_by_period
-- Rows and billed cost of one source by billing period and currency. Restatements and checks compare them.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_billing_period AS usage_date,
  BillingCurrency AS billing_currency,
  COUNT(*) AS row_count,
  SUM(BilledCost) AS billed_cost
FROM {rows}
WHERE x_source = @source
  AND x_billing_period IN UNNEST(@dates)
GROUP BY usage_date, billing_currency

-- name: invoiced_by_source
-- The files' billed cost by billing account, billing period and currency.
SELECT
  BillingAccountId AS billing_account_id,
  x_billing_period AS billing_period,
  BillingCurrency AS currency,
  SUM(BilledCost) AS total
FROM {extract}
GROUP BY billing_account_id, billing_period, currency

-- name: other_periods
-- Rows whose own billing period differs from the period that was delivered. They would be published in the wrong
-- period.
SELECT
  x_billing_period AS delivered_in,
  BillingPeriodStart AS billed_in,
  x_manifest AS manifest,
  COUNT(*) AS row_count
FROM {extract}
WHERE DATE_TRUNC(DATE(BillingPeriodStart), MONTH) != x_billing_period
GROUP BY delivered_in, billed_in, manifest

-- name: repaired_rows
-- Each row of the files, and beside it the same row in the columns of FOCUS 1.2 to 1.4. Gaps and faults are repaired
-- as docs/focus-files.md says. JSON_QUERY returns NULL if a text is not valid JSON. PARSE_JSON would raise an error.
SELECT
  line,
  PARSE_JSON(JSON_QUERY(line.AllocatedMethodDetails, '$')) AS AllocatedMethodDetails,
  line.AllocatedMethodId,
  line.AllocatedResourceId,
  line.AllocatedResourceName,
  PARSE_JSON(JSON_QUERY(line.AllocatedTags, '$')) AS AllocatedTags,
  line.AvailabilityZone,
  billed_cost AS BilledCost,
  line.BillingAccountId,
  COALESCE(line.BillingAccountName, line.BillingAccountId) AS BillingAccountName,
  COALESCE(line.BillingAccountType, 'Billing Account') AS BillingAccountType,
  line.BillingCurrency,
  TIMESTAMP(
    DATE_ADD(line.x_billing_period, INTERVAL 1 MONTH), IF(provider = 'Google Cloud', 'America/Los_Angeles', 'UTC')
  ) AS BillingPeriodEnd,
  TIMESTAMP(line.x_billing_period, IF(provider = 'Google Cloud', 'America/Los_Angeles', 'UTC')) AS BillingPeriodStart,
  line.CapacityReservationId,
  IF(line.CapacityReservationId IS NULL, NULL, line.CapacityReservationStatus) AS CapacityReservationStatus,
  charge_category AS ChargeCategory,
  IF(is_correction, 'Correction', NULL) AS ChargeClass,
  line.ChargeDescription,
  CASE
    WHEN line.ChargeFrequency IN ('One-Time', 'Recurring') THEN line.ChargeFrequency
    WHEN line.ChargeFrequency = 'Usage-Based' AND charge_category != 'Purchase' THEN 'Usage-Based'
    WHEN charge_category = 'Usage' THEN 'Usage-Based'
    ELSE 'One-Time'
  END AS ChargeFrequency,
  IF(
    line.ChargePeriodEnd > line.ChargePeriodStart,
    line.ChargePeriodEnd,
    TIMESTAMP_ADD(line.ChargePeriodStart, INTERVAL 1 HOUR)
  ) AS ChargePeriodEnd,
  line.ChargePeriodStart,
  IF(line.CommitmentDiscountId IS NULL, NULL, line.CommitmentDiscountCategory) AS CommitmentDiscountCategory,
  line.CommitmentDiscountId,
  IF(line.CommitmentDiscountId IS NULL, NULL, line.CommitmentDiscountName) AS CommitmentDiscountName,
  commitment_quantity AS CommitmentDiscountQuantity,
  commitment_status AS CommitmentDiscountStatus,
  IF(line.CommitmentDiscountId IS NULL, NULL, line.CommitmentDiscountType) AS CommitmentDiscountType,
  IF(commitment_quantity IS NULL, NULL, line.CommitmentDiscountUnit) AS CommitmentDiscountUnit,
  PARSE_JSON(JSON_QUERY(line.CommitmentProgramEligibilityDetails, '$')) AS CommitmentProgramEligibilityDetails,
  consumed_quantity AS ConsumedQuantity,
  IF(consumed_quantity IS NULL, NULL, line.ConsumedUnit) AS ConsumedUnit,
  PARSE_JSON(JSON_QUERY(line.ContractApplied, '$')) AS ContractApplied,
  contracted_cost AS ContractedCost,
  contracted_unit_price AS ContractedUnitPrice,
  effective_cost AS EffectiveCost,
  COALESCE(line.HostProviderName, provider) AS HostProviderName,
  line.InvoiceDetailId,
  line.InvoiceId,
  issuer AS InvoiceIssuerName,
  list_cost AS ListCost,
  list_unit_price AS ListUnitPrice,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN commitment_status IS NOT NULL THEN 'Committed'
    WHEN line.PricingCategory IN ('Standard', 'On-Demand', 'Committed', 'Commitment-Based') THEN 'Standard'
    WHEN line.PricingCategory = 'Dynamic' THEN 'Dynamic'
    ELSE 'Other'
  END AS PricingCategory,
  IF(has_pricing_currency, line.PricingCurrency, line.BillingCurrency) AS PricingCurrency,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN has_pricing_currency AND line.PricingCurrency != line.BillingCurrency THEN line.PricingCurrencyContractedUnitPrice
    ELSE contracted_unit_price
  END AS PricingCurrencyContractedUnitPrice,
  CASE
    WHEN NOT has_pricing_currency OR line.PricingCurrency = line.BillingCurrency THEN effective_cost
    WHEN effective_cost = line.EffectiveCost THEN line.PricingCurrencyEffectiveCost
    WHEN line.EffectiveCost != 0 THEN line.PricingCurrencyEffectiveCost / line.EffectiveCost * effective_cost
    ELSE 0
  END AS PricingCurrencyEffectiveCost,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN has_pricing_currency AND line.PricingCurrency != line.BillingCurrency THEN line.PricingCurrencyListUnitPrice
    ELSE list_unit_price
  END AS PricingCurrencyListUnitPrice,
  IF(is_priced, line.PricingQuantity, NULL) AS PricingQuantity,
  IF(is_priced, line.PricingUnit, NULL) AS PricingUnit,
  provider AS ProviderName,
  publisher AS PublisherName,
  COALESCE(line.RegionId, LOWER(REPLACE(line.RegionName, ' ', ''))) AS RegionId,
  COALESCE(line.RegionName, line.RegionId) AS RegionName,
  line.ResourceId,
  IF(line.ResourceId IS NULL, NULL, line.ResourceName) AS ResourceName,
  IF(line.ResourceId IS NULL, NULL, COALESCE(line.ResourceType, line.ServiceName, publisher)) AS ResourceType,
  service_category AS ServiceCategory,
  COALESCE(line.ServiceName, publisher) AS ServiceName,
  COALESCE(line.ServiceProviderName, publisher) AS ServiceProviderName,
  IF(
    line.ServiceSubcategory IS NOT NULL AND line.ServiceCategory = service_category,
    line.ServiceSubcategory,
    CONCAT('Other (', service_category, ')')
  ) AS ServiceSubcategory,
  IF(charge_category = 'Tax', NULL, line.SkuId) AS SkuId,
  IF(charge_category = 'Tax' OR line.SkuId IS NULL, NULL, line.SkuMeter) AS SkuMeter,
  PARSE_JSON(JSON_QUERY(line.SkuPriceDetails, '$')) AS SkuPriceDetails,
  IF(charge_category = 'Tax', NULL, line.SkuPriceId) AS SkuPriceId,
  line.SubAccountId,
  COALESCE(line.SubAccountName, line.SubAccountId) AS SubAccountName,
  CASE
    WHEN line.SubAccountId IS NULL THEN NULL
    ELSE COALESCE(
      line.SubAccountType,
      CASE provider WHEN 'AWS' THEN 'Account' WHEN 'Microsoft' THEN 'Subscription' WHEN 'Google Cloud' THEN 'Project' END,
      'Sub Account'
    )
  END AS SubAccountType,
  PARSE_JSON(JSON_QUERY(IF(STARTS_WITH(TRIM(line.Tags), '{{'), line.Tags, CONCAT('{{', line.Tags, '}}')), '$')) AS Tags,
  CAST(NULL AS STRING) AS x_consumption_model,
  line.x_source,
  CONCAT('focus_', line.x_focus_version) AS x_source_version,
  line.x_pipeline_logging_id,
  line.x_ingested_at
FROM (
  {priced_lines}
) AS priced

-- name: focus_rows
-- The repaired rows.
SELECT * EXCEPT (line)
FROM (
  {repaired_rows}
) AS repaired

-- name: repairs
-- The number of repairs by provider and column. A repair is a value that differs from the file's value.
SELECT
  ProviderName AS provider,
  COUNT(*) AS row_count,
  COUNTIF(line.AllocatedMethodDetails IS NOT NULL AND repaired.AllocatedMethodDetails IS NULL) AS AllocatedMethodDetails,
  COUNTIF(line.AllocatedTags IS NOT NULL AND repaired.AllocatedTags IS NULL) AS AllocatedTags,
  COUNTIF(line.BilledCost IS DISTINCT FROM repaired.BilledCost) AS BilledCost,
  COUNTIF(line.BillingAccountName IS DISTINCT FROM repaired.BillingAccountName) AS BillingAccountName,
  COUNTIF(line.BillingAccountType IS DISTINCT FROM repaired.BillingAccountType) AS BillingAccountType,
  COUNTIF(line.BillingPeriodEnd IS DISTINCT FROM repaired.BillingPeriodEnd) AS BillingPeriodEnd,
  COUNTIF(line.BillingPeriodStart IS DISTINCT FROM repaired.BillingPeriodStart) AS BillingPeriodStart,
  COUNTIF(line.CapacityReservationStatus IS DISTINCT FROM repaired.CapacityReservationStatus) AS CapacityReservationStatus,
  COUNTIF(line.ChargeCategory IS DISTINCT FROM repaired.ChargeCategory) AS ChargeCategory,
  COUNTIF(line.ChargeClass IS DISTINCT FROM repaired.ChargeClass) AS ChargeClass,
  COUNTIF(line.ChargeFrequency IS DISTINCT FROM repaired.ChargeFrequency) AS ChargeFrequency,
  COUNTIF(line.ChargePeriodEnd IS DISTINCT FROM repaired.ChargePeriodEnd) AS ChargePeriodEnd,
  COUNTIF(line.CommitmentDiscountCategory IS DISTINCT FROM repaired.CommitmentDiscountCategory) AS CommitmentDiscountCategory,
  COUNTIF(line.CommitmentDiscountName IS DISTINCT FROM repaired.CommitmentDiscountName) AS CommitmentDiscountName,
  COUNTIF(line.CommitmentDiscountQuantity IS DISTINCT FROM repaired.CommitmentDiscountQuantity) AS CommitmentDiscountQuantity,
  COUNTIF(line.CommitmentDiscountStatus IS DISTINCT FROM repaired.CommitmentDiscountStatus) AS CommitmentDiscountStatus,
  COUNTIF(line.CommitmentDiscountType IS DISTINCT FROM repaired.CommitmentDiscountType) AS CommitmentDiscountType,
  COUNTIF(line.CommitmentDiscountUnit IS DISTINCT FROM repaired.CommitmentDiscountUnit) AS CommitmentDiscountUnit,
  COUNTIF(line.CommitmentProgramEligibilityDetails IS NOT NULL AND repaired.CommitmentProgramEligibilityDetails IS NULL) AS CommitmentProgramEligibilityDetails,
  COUNTIF(line.ConsumedQuantity IS DISTINCT FROM repaired.ConsumedQuantity) AS ConsumedQuantity,
  COUNTIF(line.ConsumedUnit IS DISTINCT FROM repaired.ConsumedUnit) AS ConsumedUnit,
  COUNTIF(line.ContractApplied IS NOT NULL AND repaired.ContractApplied IS NULL) AS ContractApplied,
  COUNTIF(line.ContractedCost IS DISTINCT FROM repaired.ContractedCost) AS ContractedCost,
  COUNTIF(line.ContractedUnitPrice IS DISTINCT FROM repaired.ContractedUnitPrice) AS ContractedUnitPrice,
  COUNTIF(line.EffectiveCost IS DISTINCT FROM repaired.EffectiveCost) AS EffectiveCost,
  COUNTIF(line.HostProviderName IS DISTINCT FROM repaired.HostProviderName) AS HostProviderName,
  COUNTIF(line.InvoiceIssuerName IS DISTINCT FROM repaired.InvoiceIssuerName) AS InvoiceIssuerName,
  COUNTIF(line.ListCost IS DISTINCT FROM repaired.ListCost) AS ListCost,
  COUNTIF(line.ListUnitPrice IS DISTINCT FROM repaired.ListUnitPrice) AS ListUnitPrice,
  COUNTIF(line.PricingCategory IS DISTINCT FROM repaired.PricingCategory) AS PricingCategory,
  COUNTIF(line.PricingCurrency IS DISTINCT FROM repaired.PricingCurrency) AS PricingCurrency,
  COUNTIF(line.PricingCurrencyContractedUnitPrice IS DISTINCT FROM repaired.PricingCurrencyContractedUnitPrice) AS PricingCurrencyContractedUnitPrice,
  COUNTIF(line.PricingCurrencyEffectiveCost IS DISTINCT FROM repaired.PricingCurrencyEffectiveCost) AS PricingCurrencyEffectiveCost,
  COUNTIF(line.PricingCurrencyListUnitPrice IS DISTINCT FROM repaired.PricingCurrencyListUnitPrice) AS PricingCurrencyListUnitPrice,
  COUNTIF(line.PricingQuantity IS DISTINCT FROM repaired.PricingQuantity) AS PricingQuantity,
  COUNTIF(line.PricingUnit IS DISTINCT FROM repaired.PricingUnit) AS PricingUnit,
  COUNTIF(line.ProviderName IS DISTINCT FROM repaired.ProviderName) AS ProviderName,
  COUNTIF(line.PublisherName IS DISTINCT FROM repaired.PublisherName) AS PublisherName,
  COUNTIF(line.RegionId IS DISTINCT FROM repaired.RegionId) AS RegionId,
  COUNTIF(line.RegionName IS DISTINCT FROM repaired.RegionName) AS RegionName,
  COUNTIF(line.ResourceName IS DISTINCT FROM repaired.ResourceName) AS ResourceName,
  COUNTIF(line.ResourceType IS DISTINCT FROM repaired.ResourceType) AS ResourceType,
  COUNTIF(line.ServiceCategory IS DISTINCT FROM repaired.ServiceCategory) AS ServiceCategory,
  COUNTIF(line.ServiceName IS DISTINCT FROM repaired.ServiceName) AS ServiceName,
  COUNTIF(line.ServiceProviderName IS DISTINCT FROM repaired.ServiceProviderName) AS ServiceProviderName,
  COUNTIF(line.ServiceSubcategory IS DISTINCT FROM repaired.ServiceSubcategory) AS ServiceSubcategory,
  COUNTIF(line.SkuId IS DISTINCT FROM repaired.SkuId) AS SkuId,
  COUNTIF(line.SkuMeter IS DISTINCT FROM repaired.SkuMeter) AS SkuMeter,
  COUNTIF(line.SkuPriceDetails IS NOT NULL AND repaired.SkuPriceDetails IS NULL) AS SkuPriceDetails,
  COUNTIF(line.SkuPriceId IS DISTINCT FROM repaired.SkuPriceId) AS SkuPriceId,
  COUNTIF(line.SubAccountName IS DISTINCT FROM repaired.SubAccountName) AS SubAccountName,
  COUNTIF(line.SubAccountType IS DISTINCT FROM repaired.SubAccountType) AS SubAccountType,
  COUNTIF(line.Tags IS NOT NULL AND (repaired.Tags IS NULL OR NOT STARTS_WITH(TRIM(line.Tags), '{{'))) AS Tags
FROM (
  {repaired_rows}
) AS repaired
GROUP BY provider
