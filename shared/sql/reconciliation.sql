-- name: reconcile_invoices
-- The billed cost of each invoice in focus_cost beside that in the rows as the provider delivered them. Charges that
-- are on no invoice yet are one line for each source, billing period and currency. source_lines are the parts below
-- whose tables the tenant has. Each counts a cost once, by the rule of its pipeline.
-- param: first_period DATE
-- param: last_period DATE
-- param: max_rows INT64
WITH source_line AS (
  {source_lines}
),
focus_line AS (
  SELECT
    x_source AS source,
    DATE(BillingPeriodStart) AS billing_period,
    InvoiceId AS invoice_id,
    BillingCurrency AS billing_currency,
    STRING_AGG(DISTINCT InvoiceIssuerName, ', ' ORDER BY InvoiceIssuerName) AS invoice_issuer,
    SUM(BilledCost) AS billed_cost,
    COUNT(*) AS row_count,
    MAX(x_ingested_at) AS read_at,
    ARRAY_AGG(x_pipeline_logging_id ORDER BY x_ingested_at DESC, x_pipeline_logging_id LIMIT 1)[OFFSET(0)]
      AS pipeline_logging_id
  FROM {dataset}.focus_cost
  WHERE DATE(BillingPeriodStart) BETWEEN @first_period AND @last_period
  GROUP BY source, billing_period, invoice_id, billing_currency
),
line AS (
  SELECT
    source,
    billing_period,
    invoice_id,
    billing_currency,
    MAX(invoice_issuer) AS invoice_issuer,
    SUM(billed_cost) AS billed_cost,
    SUM(source_cost) AS source_cost,
    SUM(row_count) AS row_count,
    SUM(source_row_count) AS source_row_count,
    MAX(read_at) AS read_at,
    MAX(pipeline_logging_id) AS pipeline_logging_id
  FROM (
    SELECT
      source,
      billing_period,
      invoice_id,
      billing_currency,
      invoice_issuer,
      billed_cost,
      CAST(0 AS NUMERIC) AS source_cost,
      row_count,
      0 AS source_row_count,
      read_at,
      pipeline_logging_id
    FROM focus_line
    UNION ALL
    SELECT
      source,
      billing_period,
      invoice_id,
      billing_currency,
      NULL AS invoice_issuer,
      CAST(0 AS NUMERIC) AS billed_cost,
      source_cost,
      0 AS row_count,
      source_row_count,
      NULL AS read_at,
      NULL AS pipeline_logging_id
    FROM source_line
  ) AS sides
  GROUP BY source, billing_period, invoice_id, billing_currency
)
SELECT
  line.source,
  line.billing_period,
  line.invoice_id,
  line.billing_currency,
  line.invoice_issuer,
  line.billed_cost,
  line.source_cost,
  line.row_count,
  line.source_row_count,
  line.read_at,
  line.pipeline_logging_id,
  COALESCE(periods.is_final, FALSE) AS is_final,
  periods.restated_at
FROM line
LEFT JOIN (
  SELECT
    x_source AS source,
    DATE(BillingPeriodStart) AS billing_period,
    LOGICAL_AND(BillingPeriodStatus = 'Closed') AS is_final,
    MAX(x_restated_at) AS restated_at
  FROM {dataset}.focus_billing_period
  GROUP BY source, billing_period
) AS periods
  ON periods.source = line.source
    AND periods.billing_period = line.billing_period
ORDER BY billing_currency, billing_period DESC, source, invoice_id
LIMIT @max_rows

-- name: gcp_cost_billing
-- The billed cost of Google Cloud's export, which names no invoice.
SELECT
  x_source AS source,
  PARSE_DATE(
    '%Y%m',
    COALESCE(
      REGEXP_EXTRACT(invoice.month, r'^2[0-9][0-9][0-9](?:0[1-9]|1[0-2])$'),
      FORMAT_TIMESTAMP('%Y%m', usage_start_time, 'America/Los_Angeles')
    )
  ) AS billing_period,
  CAST(NULL AS STRING) AS invoice_id,
  currency AS billing_currency,
  SUM(COALESCE(cost, 0) + COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS source_cost,
  COUNT(*) AS source_row_count
FROM {dataset}.gcp_cost_billing
GROUP BY source, billing_period, invoice_id, billing_currency
HAVING billing_period BETWEEN @first_period AND @last_period

-- name: aws_cost_billing
-- The billed cost of AWS's report. Usage that a savings plan or a reservation covers counts as 0, because the fees
-- already bill it.
SELECT
  x_source AS source,
  x_billing_period AS billing_period,
  bill_invoice_id AS invoice_id,
  line_item_currency_code AS billing_currency,
  SUM(
    IF(
      line_item_line_item_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'DiscountedUsage'),
      0,
      COALESCE(line_item_net_unblended_cost, line_item_unblended_cost, 0)
    )
  ) AS source_cost,
  COUNT(*) AS source_row_count
FROM {dataset}.aws_cost_billing
WHERE x_billing_period BETWEEN @first_period AND @last_period
GROUP BY source, billing_period, invoice_id, billing_currency

-- name: azure_cost_billing
-- The billed cost of Azure's exports. The purchase of a commitment is billed; its used and unused parts are not. A
-- cost that is in both exports counts once.
SELECT
  x_source AS source,
  x_billing_period AS billing_period,
  NULLIF(InvoiceId, '') AS invoice_id,
  BillingCurrency AS billing_currency,
  SUM(IF(is_committed AND ChargeType NOT IN ('Purchase', 'Refund'), 0, COALESCE(CostInBillingCurrency, 0))) AS source_cost,
  COUNT(*) AS source_row_count
FROM (
  SELECT
    x_source,
    x_billing_period,
    x_export_kind,
    InvoiceId,
    BillingCurrency,
    ChargeType,
    CostInBillingCurrency,
    COALESCE(PricingModel IN ('Reservation', 'SavingsPlan', 'Savings Plan'), FALSE)
      OR ChargeType IN ('UnusedReservation', 'UnusedSavingsPlan') AS is_committed,
    COUNTIF(x_export_kind = 'AMORTIZED') OVER (
      PARTITION BY x_source, BillingAccountId, BillingProfileId, x_billing_period
    ) > 0 AS is_amortized
  FROM {dataset}.azure_cost_billing
  WHERE x_billing_period BETWEEN @first_period AND @last_period
) AS marked
WHERE NOT is_amortized
  OR IF(is_committed AND ChargeType IN ('Purchase', 'Refund'), x_export_kind = 'ACTUAL', x_export_kind = 'AMORTIZED')
GROUP BY source, billing_period, invoice_id, billing_currency

-- name: focus_cost_file
-- The billed cost of FOCUS files as they came.
SELECT
  x_source AS source,
  x_billing_period AS billing_period,
  InvoiceId AS invoice_id,
  BillingCurrency AS billing_currency,
  SUM(COALESCE(BilledCost, 0)) AS source_cost,
  COUNT(*) AS source_row_count
FROM {dataset}.focus_cost_file
WHERE x_billing_period BETWEEN @first_period AND @last_period
GROUP BY source, billing_period, invoice_id, billing_currency

-- name: no_source
-- No lines, for a tenant that has none of the providers' tables.
SELECT
  CAST(NULL AS STRING) AS source,
  CAST(NULL AS DATE) AS billing_period,
  CAST(NULL AS STRING) AS invoice_id,
  CAST(NULL AS STRING) AS billing_currency,
  CAST(NULL AS NUMERIC) AS source_cost,
  0 AS source_row_count
FROM UNNEST(ARRAY<INT64>[]) AS nothing
