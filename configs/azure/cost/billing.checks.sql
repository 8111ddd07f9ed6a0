-- name: billed_charges
-- Each charge of the exports with the cost that it bills. The purchase of a commitment bills its used and unused parts,
-- and each cost of the two exports counts once.
SELECT
  *,
  CASE
    WHEN is_committed AND ChargeType NOT IN ('Purchase', 'Refund') THEN 0
    WHEN is_amortized AND x_export_kind != IF(is_committed, 'ACTUAL', 'AMORTIZED') THEN 0
    ELSE COALESCE(CostInBillingCurrency, 0)
  END AS billed_cost
FROM (
  SELECT
    x_billing_period,
    x_agreement_type,
    x_export_kind,
    BillingAccountId,
    BillingProfileId,
    BillingCurrency,
    ChargeType,
    CostInBillingCurrency,
    COALESCE(PricingModel IN ('Reservation', 'SavingsPlan', 'Savings Plan'), FALSE)
      OR ChargeType IN ('UnusedReservation', 'UnusedSavingsPlan') AS is_committed,
    COUNTIF(x_export_kind = 'AMORTIZED') OVER (
      PARTITION BY BillingAccountId, BillingProfileId, x_billing_period
    ) > 0 AS is_amortized
  FROM {extract}
) AS told

-- name: invoiced_by_source
-- The exports' billed cost by account, billing period and currency. With a customer agreement the account is the billing
-- profile.
SELECT
  IF(x_agreement_type = 'MCA', BillingProfileId, BillingAccountId) AS billing_account_id,
  x_billing_period AS billing_period,
  BillingCurrency AS currency,
  SUM(billed_cost) AS total
FROM (
  {billed_charges}
) AS billed
GROUP BY billing_account_id, billing_period, currency

-- name: invoiced_by_focus
-- The billed cost in FOCUS by the same columns.
SELECT
  BillingAccountId AS billing_account_id,
  DATE(BillingPeriodStart) AS billing_period,
  BillingCurrency AS currency,
  SUM(BilledCost) AS total
FROM {focus}
GROUP BY billing_account_id, billing_period, currency

-- name: other_periods
-- Rows whose billing period differs from their delivery's, or is no calendar month. A publish would replace them with the
-- wrong period.
SELECT
  x_billing_period AS delivered_in,
  BillingPeriodStartDate AS billed_in,
  x_manifest AS manifest,
  COUNT(*) AS row_count
FROM {extract}
WHERE BillingPeriodStartDate != x_billing_period
GROUP BY delivered_in, billed_in, manifest

-- name: other_exports
-- Other sources that have published rows of the same accounts and billing periods. Sums over all rows would count these
-- costs twice. The parameter allow_other_export allows it.
-- param: source STRING
-- param: dates ARRAY<DATE>
-- param: allow_other_export BOOL
SELECT
  x_source AS other_source,
  x_billing_period AS billing_period,
  COUNT(*) AS row_count
FROM {dataset}.azure_cost_billing
WHERE NOT @allow_other_export
  AND x_source != @source
  AND x_billing_period IN UNNEST(@dates)
  AND BillingAccountId IN (SELECT BillingAccountId FROM {extract})
GROUP BY other_source, billing_period

-- name: focus_missing_values
-- Rows without a value that FOCUS requires in every row.
SELECT
  BilledCost,
  BillingAccountId,
  BillingAccountName,
  BillingAccountType,
  BillingCurrency,
  BillingPeriodEnd,
  BillingPeriodStart,
  ChargeCategory,
  ChargeFrequency,
  ChargePeriodEnd,
  ChargePeriodStart,
  ContractedCost,
  EffectiveCost,
  InvoiceIssuerName,
  ListCost,
  PricingCurrency,
  PricingCurrencyEffectiveCost,
  ProviderName,
  PublisherName,
  ServiceCategory,
  ServiceName,
  ServiceProviderName,
  ServiceSubcategory
FROM {focus}
WHERE BilledCost IS NULL
  OR BillingAccountId IS NULL
  OR BillingAccountName IS NULL
  OR BillingAccountType IS NULL
  OR BillingCurrency IS NULL
  OR BillingPeriodEnd IS NULL
  OR BillingPeriodStart IS NULL
  OR ChargeCategory IS NULL
  OR ChargeFrequency IS NULL
  OR ChargePeriodEnd IS NULL
  OR ChargePeriodStart IS NULL
  OR ContractedCost IS NULL
  OR EffectiveCost IS NULL
  OR InvoiceIssuerName IS NULL
  OR ListCost IS NULL
  OR PricingCurrency IS NULL
  OR PricingCurrencyEffectiveCost IS NULL
  OR ProviderName IS NULL
  OR PublisherName IS NULL
  OR ServiceCategory IS NULL
  OR ServiceName IS NULL
  OR ServiceProviderName IS NULL
  OR ServiceSubcategory IS NULL

-- name: focus_empty_texts
-- Rows with an empty text where FOCUS requires NULL.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  ServiceName
FROM {focus}
WHERE '' IN (
    AllocatedMethodId, AllocatedResourceId, AllocatedResourceName, AvailabilityZone, BillingAccountId, BillingAccountName, BillingAccountType, BillingCurrency,
    CapacityReservationId, CapacityReservationStatus, ChargeCategory, ChargeClass, ChargeDescription,
    ChargeFrequency, CommitmentDiscountCategory, CommitmentDiscountId, CommitmentDiscountName,
    CommitmentDiscountStatus, CommitmentDiscountType, CommitmentDiscountUnit, ConsumedUnit, HostProviderName,
    InvoiceDetailId, InvoiceId, InvoiceIssuerName, PricingCategory, PricingCurrency, PricingUnit, ProviderName, PublisherName, RegionId,
    RegionName, ResourceId, ResourceName, ResourceType, ServiceCategory, ServiceName, ServiceProviderName,
    ServiceSubcategory, SkuId, SkuMeter, SkuPriceId, SubAccountId, SubAccountName, SubAccountType,
    x_consumption_model, x_source, x_source_version, x_pipeline_logging_id
  )

-- name: focus_prices
-- Rows whose unit price times quantity differs from their cost by more than rounding: NUMERIC rounds a price and a
-- quantity to nine decimal places. Corrections may differ.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  PricingQuantity,
  ListUnitPrice,
  ListCost,
  ContractedUnitPrice,
  ContractedCost
FROM {focus}
WHERE ChargeClass IS NULL
  AND (
    ABS(ListUnitPrice * PricingQuantity - ListCost)
      > 0.000002 + (ABS(PricingQuantity) + ABS(ListUnitPrice)) * NUMERIC '0.000000001'
    OR ABS(ContractedUnitPrice * PricingQuantity - ContractedCost)
      > 0.000002 + (ABS(PricingQuantity) + ABS(ContractedUnitPrice)) * NUMERIC '0.000000001'
  )

-- name: focus_values_of_1_4
-- Values that FOCUS 1.2 allows and 1.4 does not: taxes and credits whose EffectiveCost differs from their BilledCost, and
-- prices or quantities without a SkuPriceId. Usage and purchases that are no corrections keep prices and quantities,
-- because 1.4 requires these too.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  ChargeCategory,
  ChargeClass,
  BilledCost,
  EffectiveCost,
  PricingQuantity,
  ConsumedQuantity
FROM {focus}
WHERE (ChargeCategory IN ('Tax', 'Credit') AND EffectiveCost != BilledCost)
  OR (
    SkuPriceId IS NULL
    AND (ChargeCategory NOT IN ('Usage', 'Purchase') OR ChargeClass = 'Correction')
    AND (
      COALESCE(
        ListUnitPrice, ContractedUnitPrice, PricingCurrencyListUnitPrice, PricingCurrencyContractedUnitPrice,
        PricingQuantity, ConsumedQuantity, CommitmentDiscountQuantity
      ) IS NOT NULL
      OR COALESCE(PricingCategory, PricingUnit, ConsumedUnit, CommitmentDiscountUnit) IS NOT NULL
    )
  )

-- name: focus_charge_periods
-- Rows whose charge period does not end after its start.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  ChargePeriodEnd
FROM {focus}
WHERE ChargePeriodEnd <= ChargePeriodStart

-- name: focus_billing_periods
-- Rows whose billing period is no calendar month in UTC.
SELECT
  ChargeDescription,
  BillingPeriodStart,
  BillingPeriodEnd
FROM {focus}
WHERE BillingPeriodStart != TIMESTAMP(DATE_TRUNC(DATE(BillingPeriodStart), MONTH))
  OR BillingPeriodEnd != TIMESTAMP(DATE_ADD(DATE(BillingPeriodStart), INTERVAL 1 MONTH))

-- name: focus_commitments
-- Usage of a commitment without the status Used or Unused, used commitments that are billed again, and rows that have a
-- status but no commitment.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  CommitmentDiscountId,
  CommitmentDiscountStatus,
  PricingCategory,
  BilledCost
FROM {focus}
WHERE (
    ChargeCategory = 'Usage'
    AND (CommitmentDiscountId IS NOT NULL OR PricingCategory = 'Committed')
    AND (CommitmentDiscountStatus IS NULL OR BilledCost != 0)
  )
  OR (CommitmentDiscountId IS NULL AND CommitmentDiscountStatus IS NOT NULL)

-- name: focus_unknown_services
-- Services that service_categories.csv does not name, and what they bill. Their category is Other.
-- param: azure_service_categories STRING
SELECT
  ServiceName,
  BillingCurrency,
  SUM(BilledCost) AS billed_cost
FROM {focus}
WHERE LOWER(ServiceName) NOT IN (
    SELECT LOWER(JSON_VALUE(line, '$.service'))
    FROM UNNEST(JSON_QUERY_ARRAY(@azure_service_categories)) AS line
  )
GROUP BY ServiceName, BillingCurrency
