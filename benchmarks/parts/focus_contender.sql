-- Maps an export to FOCUS 1.2 in plain DuckDB SQL. It reads the table that dlt makes, which has records as JSON. It is
-- simpler than the product's mapping. A day's fees count as fully used, and are spread by category alone over the usage
-- covered that day. Prices, units and services are not converted.
CREATE TABLE billing.focus_cost AS
WITH lines AS (
  SELECT
    * REPLACE (CAST(cost AS DECIMAL(38, 9)) AS cost, CAST(cost_at_list AS DECIMAL(38, 9)) AS cost_at_list),
    from_json(credits, '[{"amount": "DECIMAL(38,9)", "type": "VARCHAR", "id": "VARCHAR", "name": "VARCHAR"}]') AS credit_list,
    strptime(invoice ->> 'month', '%Y%m')::DATE AS invoice_month
  FROM billing.export
),
charges AS (
  SELECT
    *,
    coalesce(list_sum(list_transform(credit_list, lambda c: c.amount)), 0) AS credit,
    coalesce(
      list_sum(list_transform(
        list_filter(credit_list, lambda c: starts_with(c.type, 'COMMITTED_USAGE_DISCOUNT')), lambda c: c.amount
      )),
      0
    ) AS committed_credit,
    list_transform(list_filter(credit_list, lambda c: starts_with(c.type, 'COMMITTED_USAGE_DISCOUNT')), lambda c: c.id)[1]
      AS committed_id,
    CASE
      WHEN coalesce(cost_type, 'regular') = 'tax' THEN 'Tax'
      WHEN coalesce(cost_type, 'regular') != 'regular' THEN 'Adjustment'
      WHEN starts_with(sku ->> 'description', 'Commitment') THEN 'Purchase'
      ELSE 'Usage'
    END AS charge_category,
    CASE
      WHEN list_contains(list_transform(credit_list, lambda c: c.type), 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE')
        OR (sku ->> 'description') ILIKE '%dollar based%' THEN 'Spend'
      ELSE 'Usage'
    END AS category,
    CAST(usage ->> 'amount' AS DECIMAL(38, 9)) AS used,
    CAST(usage ->> 'amount_in_pricing_units' AS DECIMAL(38, 9)) AS priced
  FROM lines
),
covered AS (
  SELECT
    *,
    CASE WHEN charge_category = 'Usage' AND committed_credit < 0 THEN least(cost, -committed_credit) ELSE 0 END
      AS covered_cost
  FROM charges
),
shares AS (
  SELECT
    *,
    sum(covered_cost) OVER pool AS pool_covered,
    sum(CASE WHEN charge_category = 'Purchase' THEN cost + credit ELSE 0 END) OVER pool AS pool_fees
  FROM covered
  WINDOW pool AS (
    PARTITION BY billing_account_id, currency, CAST(usage_start_time AS DATE), invoice_month, category
  )
),
parts AS (
  SELECT
    *,
    unnest([
      {'kind': 'rest', 'billed': cost + credit, 'contracted': cost - covered_cost,
       'effective': CASE WHEN charge_category = 'Purchase' AND pool_covered > 0 THEN 0 ELSE cost + credit END},
      {'kind': 'covered', 'billed': 0, 'contracted': covered_cost,
       'effective': CASE WHEN pool_covered > 0 THEN CAST(CAST(pool_fees AS DOUBLE) * covered_cost / pool_covered AS DECIMAL(38, 9)) ELSE 0 END}
    ]) AS part
  FROM shares
)
SELECT
  location ->> 'zone' AS AvailabilityZone,
  part.billed AS BilledCost,
  billing_account_id AS BillingAccountId,
  billing_account_id AS BillingAccountName,
  'Billing Account' AS BillingAccountType,
  currency AS BillingCurrency,
  timezone('America/Los_Angeles', CAST(invoice_month + INTERVAL 1 MONTH AS TIMESTAMP)) AS BillingPeriodEnd,
  timezone('America/Los_Angeles', CAST(invoice_month AS TIMESTAMP)) AS BillingPeriodStart,
  CAST(NULL AS VARCHAR) AS CapacityReservationId,
  CAST(NULL AS VARCHAR) AS CapacityReservationStatus,
  charge_category AS ChargeCategory,
  CASE WHEN adjustment_info ->> 'id' IS NOT NULL AND usage_start_time < invoice_month THEN 'Correction' END AS ChargeClass,
  (sku ->> 'description') || ' at ' || coalesce(price ->> 'effective_price', '') || ' per ' || coalesce(usage ->> 'pricing_unit', '')
    AS ChargeDescription,
  CASE charge_category WHEN 'Usage' THEN 'Usage-Based' WHEN 'Purchase' THEN 'Recurring' ELSE 'One-Time' END
    AS ChargeFrequency,
  usage_end_time AS ChargePeriodEnd,
  usage_start_time AS ChargePeriodStart,
  CASE WHEN part.kind = 'covered' THEN category END AS CommitmentDiscountCategory,
  CASE WHEN part.kind = 'covered' THEN coalesce(subscription ->> 'instance_id', committed_id) END AS CommitmentDiscountId,
  CASE WHEN part.kind = 'covered' THEN committed_id END AS CommitmentDiscountName,
  CASE WHEN part.kind = 'covered' THEN part.effective END AS CommitmentDiscountQuantity,
  CASE WHEN part.kind = 'covered' THEN 'Used' END AS CommitmentDiscountStatus,
  CASE WHEN part.kind = 'covered' THEN category || '-based committed use discount' END AS CommitmentDiscountType,
  CASE WHEN part.kind = 'covered' THEN currency END AS CommitmentDiscountUnit,
  CASE WHEN charge_category = 'Usage' THEN used END AS ConsumedQuantity,
  CASE WHEN charge_category = 'Usage' THEN usage ->> 'unit' END AS ConsumedUnit,
  part.contracted AS ContractedCost,
  CAST(price ->> 'effective_price' AS DECIMAL(38, 9)) AS ContractedUnitPrice,
  part.effective AS EffectiveCost,
  CAST(NULL AS VARCHAR) AS InvoiceId,
  'Google Cloud' AS InvoiceIssuerName,
  coalesce(cost_at_list, cost) AS ListCost,
  CAST(price ->> 'list_price' AS DECIMAL(38, 9)) AS ListUnitPrice,
  CASE WHEN part.kind = 'covered' THEN 'Committed' WHEN (sku ->> 'description') LIKE '%Spot%' THEN 'Dynamic' ELSE 'Standard' END
    AS PricingCategory,
  'USD' AS PricingCurrency,
  CAST(price ->> 'effective_price' AS DECIMAL(38, 9)) / coalesce(currency_conversion_rate, 1)
    AS PricingCurrencyContractedUnitPrice,
  part.effective / coalesce(currency_conversion_rate, 1) AS PricingCurrencyEffectiveCost,
  CAST(price ->> 'list_price' AS DECIMAL(38, 9)) / coalesce(currency_conversion_rate, 1) AS PricingCurrencyListUnitPrice,
  priced AS PricingQuantity,
  usage ->> 'pricing_unit' AS PricingUnit,
  'Google Cloud' AS ProviderName,
  coalesce(seller_name, 'Google Cloud') AS PublisherName,
  location ->> 'region' AS RegionId,
  location ->> 'region' AS RegionName,
  coalesce(resource ->> 'global_name', resource ->> 'name') AS ResourceId,
  resource ->> 'name' AS ResourceName,
  regexp_extract(resource ->> 'global_name', '/([^/]+)/[^/]+$', 1) AS ResourceType,
  CASE service ->> 'description'
    WHEN 'Compute Engine' THEN 'Compute'
    WHEN 'Cloud Storage' THEN 'Storage'
    WHEN 'BigQuery' THEN 'Analytics'
    ELSE 'Other'
  END AS ServiceCategory,
  service ->> 'description' AS ServiceName,
  'Other (Other)' AS ServiceSubcategory,
  sku ->> 'id' AS SkuId,
  sku ->> 'description' AS SkuMeter,
  json_object('x_TierStartAmount', price ->> 'tier_start_amount') AS SkuPriceDetails,
  (sku ->> 'id') || '/' || coalesce(price ->> 'tier_start_amount', '') AS SkuPriceId,
  project ->> 'id' AS SubAccountId,
  project ->> 'name' AS SubAccountName,
  'Project' AS SubAccountType,
  to_json(map_from_entries(list_distinct(list_transform(
    from_json(labels, '[{"key": "VARCHAR", "value": "VARCHAR"}]'), lambda l: {'k': l.key, 'v': l.value}
  )))) AS Tags
FROM parts
WHERE part.kind = 'rest' OR covered_cost != 0;
