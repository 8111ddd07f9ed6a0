-- name: copies
-- Files of which another file of the same month has more than half of the charges. Providers divide a month between
-- files, so such a file is a copy, or an earlier state of the month, and sums would count its charges twice. The
-- parameter allow_copies permits it.
-- param: allow_copies BOOL
WITH
charges AS (
  SELECT
    x_billing_period AS billing_period,
    x_manifest AS file,
    TO_JSON_STRING(STRUCT(
      BillingAccountId, BilledCost, ChargeCategory, ChargeClass, ChargeDescription, ChargePeriodEnd, ChargePeriodStart,
      CommitmentDiscountId, CommitmentDiscountStatus, ConsumedQuantity, EffectiveCost, PricingQuantity, RegionId,
      ResourceId, ServiceName, SkuId, SkuPriceId, SubAccountId, Tags
    )) AS charge
  FROM {extract}
  WHERE NOT @allow_copies
),
distinct_charges AS (
  SELECT DISTINCT billing_period, file, charge FROM charges
),
sizes AS (
  SELECT billing_period, file, COUNT(*) AS charge_count FROM distinct_charges GROUP BY billing_period, file
)
SELECT
  mine.file,
  other.file AS other_file,
  COUNT(*) AS equal_charges
FROM distinct_charges AS mine
JOIN distinct_charges AS other
  ON other.billing_period = mine.billing_period AND other.charge = mine.charge AND other.file != mine.file
JOIN sizes ON sizes.billing_period = mine.billing_period AND sizes.file = mine.file
GROUP BY mine.file, other_file, sizes.charge_count
HAVING COUNT(*) * 2 > sizes.charge_count
