-- name: focus_lines
-- The rows that become rows of FOCUS. Each cost counts once, although both exports may have it: purchases and refunds
-- of commitments come from the actual costs, all other rows from the amortised costs. If an account's amortised costs
-- are not exported, all its rows come from the actual costs.
WITH marked AS (
  SELECT
    *,
    COUNTIF(x_export_kind = 'AMORTIZED') OVER (
      PARTITION BY BillingAccountId, BillingProfileId, x_billing_period
    ) > 0 AS is_amortized,
    COALESCE(PricingModel IN ('Reservation', 'SavingsPlan', 'Savings Plan'), FALSE)
      OR ChargeType IN ('UnusedReservation', 'UnusedSavingsPlan') AS is_committed,
    COALESCE(NULLIF(BenefitId, ''), NULLIF(ReservationId, '')) AS benefit_id,
    COALESCE(NULLIF(BenefitName, ''), NULLIF(ReservationName, '')) AS benefit_name,
    COALESCE(NULLIF(MeterCategory, ''), NULLIF(ConsumedService, ''), NULLIF(ProductName, ''), NULLIF(Product, '')) AS service,
    COALESCE(NULLIF(ProductName, ''), NULLIF(Product, ''), NULLIF(ProductOrderName, ''), NULLIF(MeterName, '')) AS product_text,
    COALESCE(NULLIF(ProductId, ''), NULLIF(PartNumber, ''), NULLIF(MeterId, '')) AS sku,
    LOWER(REPLACE(NULLIF(ResourceLocation, ''), ' ', '')) AS region,
    UPPER(COALESCE(REGEXP_EXTRACT(UnitOfMeasure, r'^\s*([0-9][0-9,.]*\s*(?:[KMB]\b|[KM]/)?)'), '1')) AS block_text,
    NULLIF(
      TRIM(LOWER(REGEXP_REPLACE(COALESCE(UnitOfMeasure, ''), r'^\s*[0-9][0-9,.]*\s*(?:[KMB]\b|[KM](/))?', r'\1'))), ''
    ) AS unit_text
  FROM {extract}
),

chosen AS (
  SELECT
    *,
    SAFE_CAST(REGEXP_REPLACE(block_text, r'[^0-9.]', '') AS NUMERIC)
      * CASE
        WHEN STRPOS(block_text, 'K') > 0 THEN 1000
        WHEN STRPOS(block_text, 'M') > 0 THEN 1000000
        WHEN STRPOS(block_text, 'B') > 0 THEN 1000000000
        ELSE 1
      END AS block_size,
    CASE
      WHEN ChargeType IN ('Usage', 'UnusedReservation', 'UnusedSavingsPlan') THEN 'Usage'
      WHEN ChargeType IN ('Purchase', 'Refund') THEN 'Purchase'
      WHEN ChargeType IN ('Tax', 'Credit') THEN ChargeType
      ELSE 'Adjustment'
    END AS charge_category,
    IF(PricingCurrency IS NOT NULL AND ExchangeRatePricingToBilling > 0, ExchangeRatePricingToBilling, NUMERIC '1') AS rate,
    COALESCE(CostInBillingCurrency, 0) AS cost
  FROM marked
  WHERE NOT is_amortized
    OR IF(is_committed AND ChargeType IN ('Purchase', 'Refund'), x_export_kind = 'ACTUAL', x_export_kind = 'AMORTIZED')
)

SELECT
  chosen AS line,
  charge_category,
  is_committed,
  ChargeType = 'Refund' AS is_correction,
  charge_category = 'Usage' AND is_committed AND ChargeType != 'Usage' AS is_unused,
  IF(charge_category = 'Usage' AND is_committed, 0, cost) AS billed_cost,
  IF(charge_category = 'Purchase' AND is_committed AND is_amortized, 0, cost) AS effective_cost,
  -- A price of 0 means that there is no price.
  IF(UnitPrice != 0 AND SIGN(UnitPrice) * SIGN(Quantity) >= 0 AND charge_category = 'Usage', UnitPrice * rate, NULL) AS unit_price,
  IF(PayGPrice != 0 AND charge_category = 'Usage', PayGPrice * rate, NULL) AS list_price,
  IF(
    COALESCE(Quantity, 0) = 0 OR COALESCE(block_size, 0) = 0 OR SIGN(Quantity) * SIGN(cost) < 0
    OR (charge_category = 'Usage' AND is_committed AND ChargeType != 'Usage'),
    STRUCT(IF(cost < 0, NUMERIC '-1', NUMERIC '1') AS quantity, NUMERIC '1' AS block_size, 'charges' AS unit),
    STRUCT(Quantity / block_size AS quantity, block_size AS block_size, COALESCE(unit_text, 'units') AS unit)
  ) AS pricing
FROM chosen
