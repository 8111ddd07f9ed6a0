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
-- Rows whose unit price times quantity differs from the cost by more than rounding. Providers round costs to six
-- decimal places. NUMERIC rounds prices and quantities to nine. Corrections may differ.
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
-- Values that FOCUS 1.2 allows and 1.4 forbids: taxes and credits whose EffectiveCost differs from their BilledCost,
-- and prices or quantities without a SkuPriceId. Usage and purchases may have them without a SkuPriceId, because 1.4
-- requires them there. Corrections may not.
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
-- Rows whose billing period is not a calendar month. Google's months are in Pacific time, those of other providers in
-- UTC.
SELECT
  ChargeDescription,
  BillingPeriodStart,
  BillingPeriodEnd
FROM (
  SELECT
    ChargeDescription,
    BillingPeriodStart,
    BillingPeriodEnd,
    IF(ProviderName = 'Google Cloud', 'America/Los_Angeles', 'UTC') AS zone
  FROM {focus}
) AS with_zone
WHERE BillingPeriodStart != TIMESTAMP(DATE_TRUNC(DATE(BillingPeriodStart, zone), MONTH), zone)
  OR BillingPeriodEnd != TIMESTAMP(DATE_ADD(DATE(BillingPeriodStart, zone), INTERVAL 1 MONTH), zone)

-- name: focus_commitments
-- Faults of commitments: usage that is neither Used nor Unused, a status without a commitment, covered usage that is
-- billed again, and commitments of Google that are named Default. In Google's 2025 model covered usage is billed,
-- because the commitment only lowers its price. Default is Google's consumption model for usage without a commitment.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  CommitmentDiscountId,
  CommitmentDiscountName,
  CommitmentDiscountStatus,
  PricingCategory,
  BilledCost
FROM {focus}
WHERE (
    ChargeCategory = 'Usage'
    AND (CommitmentDiscountId IS NOT NULL OR PricingCategory = 'Committed')
    AND (CommitmentDiscountStatus IS NULL OR (BilledCost != 0 AND x_consumption_model IS NULL))
  )
  OR (CommitmentDiscountId IS NULL AND CommitmentDiscountStatus IS NOT NULL)
  OR (CommitmentDiscountName = 'Default' AND ProviderName = 'Google Cloud')

-- name: focus_capacity_reservations
-- Usage of a capacity reservation that is neither Used nor Unused, and rows with a status but without a reservation.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  CapacityReservationId,
  CapacityReservationStatus
FROM {focus}
WHERE (CapacityReservationId IS NULL AND CapacityReservationStatus IS NOT NULL)
  OR (CapacityReservationId IS NOT NULL AND CapacityReservationStatus IS NULL AND ChargeCategory = 'Usage')

-- name: focus_duplicates
-- Charges that appear more than once, with equal values in all columns that distinguish charges. Providers sometimes
-- export equal rows and bill each of them, so this is only a warning.
SELECT
  ChargeDescription,
  ChargePeriodStart,
  ResourceId,
  EffectiveCost,
  COUNT(*) AS times
FROM {focus}
GROUP BY
  BillingAccountId, BillingPeriodStart, BilledCost, ChargeCategory, ChargeClass, ChargeDescription, ChargePeriodEnd,
  ChargePeriodStart, CommitmentDiscountId, CommitmentDiscountStatus, ConsumedQuantity, EffectiveCost, ListCost,
  PricingQuantity, RegionId, AvailabilityZone, ResourceId, ServiceName, SkuPriceId, SubAccountId, TO_JSON_STRING(Tags)
HAVING COUNT(*) > 1
