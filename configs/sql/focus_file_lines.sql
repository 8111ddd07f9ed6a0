-- name: named_lines
-- Each row of the files with its kind and its names. AWS, Microsoft and Google Cloud get one name each, because files
-- spell them differently. A company of their group that issues invoices is not a third party. FOCUS 1.0-preview has
-- the column ChargeSubcategory. Later versions say the same in ChargeClass, CommitmentDiscountStatus and the category
-- Credit.
SELECT
  file_rows AS line,
  CASE
    WHEN ChargeSubcategory = 'Credit' THEN 'Credit'
    WHEN ChargeCategory IN ('Usage', 'Purchase', 'Tax', 'Credit') THEN ChargeCategory
    ELSE 'Adjustment'
  END AS charge_category,
  COALESCE(ChargeClass = 'Correction' OR ChargeSubcategory = 'Refund', FALSE) AS is_correction,
  CASE
    WHEN CommitmentDiscountId IS NULL OR ChargeCategory != 'Usage' THEN NULL
    WHEN CommitmentDiscountStatus = 'Unused' OR ChargeSubcategory = 'Unused Commitment' THEN 'Unused'
    ELSE 'Used'
  END AS commitment_status,
  REGEXP_REPLACE(
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        COALESCE(ProviderName, HostProviderName, ServiceProviderName, PublisherName, InvoiceIssuerName),
        r'(?i)^(?:aws|amazon web services.*)$',
        'AWS'
      ),
      r'(?i)^(?:azure|microsoft(?: azure| corporation)?)$',
      'Microsoft'
    ),
    r'(?i)^(?:gcp|google(?: cloud| cloud platform)?)$',
    'Google Cloud'
  ) AS provider,
  REGEXP_REPLACE(
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        COALESCE(InvoiceIssuerName, ProviderName, HostProviderName, ServiceProviderName),
        r'(?i)^(?:aws|amazon web services.*)$',
        'AWS'
      ),
      r'(?i)^(?:azure|microsoft(?: azure| corporation)?)$',
      'Microsoft'
    ),
    r'(?i)^(?:gcp|google(?: cloud| cloud platform)?)$',
    'Google Cloud'
  ) AS issuer,
  REGEXP_REPLACE(
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        COALESCE(PublisherName, ServiceProviderName, ProviderName),
        r'(?i)^(?:aws|amazon web services.*)$',
        'AWS'
      ),
      r'(?i)^(?:azure|microsoft(?: azure| corporation)?)$',
      'Microsoft'
    ),
    r'(?i)^(?:gcp|google(?: cloud| cloud platform)?)$',
    'Google Cloud'
  ) AS publisher,
  IF(
    ServiceCategory IN (
      'AI and Machine Learning', 'Analytics', 'Business Applications', 'Compute', 'Databases', 'Developer Tools',
      'Multicloud', 'Identity', 'Integration', 'Internet of Things', 'Management and Governance', 'Media', 'Migration',
      'Mobile', 'Networking', 'Security', 'Storage', 'Web'
    ),
    ServiceCategory,
    'Other'
  ) AS service_category,
  COALESCE(BilledCost, 0) AS billed_cost
FROM {extract} AS file_rows

-- name: costed_lines
-- Each row with its costs. If a row has another cost, a list or contracted cost of 0 counts as missing. The effective
-- cost of a purchase of a commitment is 0, because the covered usage has that cost. The effective cost of a tax or a
-- credit is its billed cost.
SELECT
  *,
  COALESCE(
    NULLIF(line.ListCost, 0), NULLIF(line.ContractedCost, 0), IF(commitment_status = 'Used', effective_cost, billed_cost)
  ) AS list_cost,
  COALESCE(NULLIF(line.ContractedCost, 0), IF(commitment_status = 'Used', effective_cost, billed_cost)) AS contracted_cost,
  -- The currency of prices is of no use without the effective cost in that currency.
  line.PricingCurrency IS NOT NULL
    AND (line.PricingCurrency = line.BillingCurrency OR line.PricingCurrencyEffectiveCost IS NOT NULL) AS has_pricing_currency,
  charge_category IN ('Usage', 'Purchase') AND (NOT is_correction OR line.SkuPriceId IS NOT NULL) AS is_priced
FROM (
  SELECT
    *,
    CASE
      WHEN charge_category IN ('Tax', 'Credit') THEN billed_cost
      WHEN charge_category = 'Purchase' AND line.CommitmentDiscountId IS NOT NULL THEN 0
      ELSE COALESCE(line.EffectiveCost, billed_cost)
    END AS effective_cost
  FROM (
    {named_lines}
  ) AS named
) AS effective

-- name: priced_lines
-- Each row with its unit prices. A price of the file is kept if price times quantity is the cost. Otherwise the price
-- is the cost divided by the quantity.
SELECT
  *,
  IF(is_priced AND charge_category = 'Usage' AND COALESCE(commitment_status, 'Used') = 'Used', line.ConsumedQuantity, NULL)
    AS consumed_quantity,
  IF(is_priced AND line.CommitmentDiscountId IS NOT NULL, line.CommitmentDiscountQuantity, NULL) AS commitment_quantity,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN ABS(line.ListUnitPrice * line.PricingQuantity - list_cost)
      <= 0.000002 + (ABS(line.PricingQuantity) + ABS(line.ListUnitPrice)) * NUMERIC '0.000000001' THEN line.ListUnitPrice
    WHEN line.PricingQuantity != 0 THEN list_cost / line.PricingQuantity
  END AS list_unit_price,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN ABS(line.ContractedUnitPrice * line.PricingQuantity - contracted_cost)
      <= 0.000002 + (ABS(line.PricingQuantity) + ABS(line.ContractedUnitPrice)) * NUMERIC '0.000000001'
      THEN line.ContractedUnitPrice
    WHEN line.PricingQuantity != 0 THEN contracted_cost / line.PricingQuantity
  END AS contracted_unit_price
FROM (
  {costed_lines}
) AS costed
