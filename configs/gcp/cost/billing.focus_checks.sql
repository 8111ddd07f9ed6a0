-- name: invoiced_by_source
-- The export's billed cost by billing account, invoice month and currency.
SELECT
  billing_account_id,
  COALESCE(
    REGEXP_EXTRACT(invoice.month, r'^2[0-9][0-9][0-9](?:0[1-9]|1[0-2])$'),
    FORMAT_TIMESTAMP('%Y%m', usage_start_time, 'America/Los_Angeles')
  ) AS invoice_month,
  currency,
  SUM(COALESCE(cost, 0) + COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS total
FROM {extract}
GROUP BY billing_account_id, invoice_month, currency

-- name: invoiced_by_focus
-- The billed cost in FOCUS by the same columns.
SELECT
  BillingAccountId AS billing_account_id,
  FORMAT_TIMESTAMP('%Y%m', BillingPeriodStart, 'America/Los_Angeles') AS invoice_month,
  BillingCurrency AS currency,
  SUM(BilledCost) AS total
FROM {focus}
GROUP BY billing_account_id, invoice_month, currency

-- name: unread_values
-- Rows with an invalid invoice month or an impossible conversion rate. Both values are treated as missing.
SELECT
  usage_start_time,
  sku.id AS sku_id,
  invoice.month AS invoice_month,
  currency_conversion_rate
FROM {extract}
WHERE (NULLIF(invoice.month, '') IS NOT NULL AND NOT REGEXP_CONTAINS(invoice.month, r'^2[0-9][0-9][0-9](?:0[1-9]|1[0-2])$'))
  OR CAST(currency_conversion_rate AS NUMERIC) <= 0
  OR currency_conversion_rate >= 1e9

-- name: other_exports
-- Other exports that have published rows of the same billing accounts and days. Sums over all rows count these costs twice.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  x_source AS other_source,
  COUNT(*) AS row_count,
  MIN(x_usage_date) AS first_day,
  MAX(x_usage_date) AS last_day
FROM {dataset}.gcp_cost_billing
WHERE x_source != @source
  AND x_usage_date IN UNNEST(@dates)
  AND billing_account_id IN (SELECT billing_account_id FROM {extract})
GROUP BY other_source

-- name: focus_invoices
-- Billing periods in which only some charges have an invoice, and invoices with more than one account or billing
-- period.
SELECT
  BillingAccountId AS account,
  BillingPeriodStart AS period,
  COUNT(*) AS charges,
  COUNT(InvoiceId) AS invoiced
FROM {focus}
GROUP BY BillingAccountId, InvoiceIssuerName, BillingPeriodStart
HAVING COUNT(InvoiceId) NOT IN (0, COUNT(*))
UNION ALL
SELECT
  MIN(BillingAccountId) AS account,
  MIN(BillingPeriodStart) AS period,
  COUNT(*) AS charges,
  COUNT(InvoiceId) AS invoiced
FROM {focus}
WHERE InvoiceId IS NOT NULL
GROUP BY InvoiceId
HAVING MIN(BillingAccountId) != MAX(BillingAccountId) OR MIN(BillingPeriodStart) != MAX(BillingPeriodStart)

-- name: focus_unknown_services
-- Services that service_categories.csv does not list, with their billed cost. Their category is Other.
-- param: service_categories STRING
SELECT
  ServiceName,
  BillingCurrency,
  SUM(BilledCost) AS billed_cost
FROM {focus}
WHERE LOWER(ServiceName) NOT IN (
    SELECT LOWER(JSON_VALUE(line, '$.service'))
    FROM UNNEST(JSON_QUERY_ARRAY(@service_categories)) AS line
  )
GROUP BY ServiceName, BillingCurrency

-- name: focus_long_fees
-- Fees of commitments for more than one day. Such a fee counts in full on its first UTC day. The usage that it covers
-- on later days has an EffectiveCost of 0, and the first day shows too much as Unused. A day of Pacific time has up
-- to 25 hours.
SELECT
  ChargeDescription,
  CommitmentDiscountId,
  ChargePeriodStart,
  ChargePeriodEnd,
  BilledCost
FROM {focus}
WHERE ChargeCategory = 'Purchase'
  AND CommitmentDiscountId IS NOT NULL
  AND TIMESTAMP_DIFF(ChargePeriodEnd, ChargePeriodStart, SECOND) > 25 * 3600
