-- name: period_changes
-- How a publish changes the charges of each billing period that it writes or replaces. A period has changed if its
-- number of rows or its cost changes, as in restatements.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT
  InvoiceIssuerName,
  BillingPeriodStart,
  MAX(BillingPeriodEnd) AS BillingPeriodEnd,
  SUM(rows_after) AS rows_after,
  SUM(rows_not_invoiced) AS rows_not_invoiced,
  LOGICAL_OR(rows_after != rows_before OR billed_more != 0 OR effective_more != 0) AS is_changed
FROM (
  SELECT
    InvoiceIssuerName,
    BillingPeriodStart,
    MAX(BillingPeriodEnd) AS BillingPeriodEnd,
    COUNTIF(is_staged) AS rows_after,
    COUNTIF(NOT is_staged) AS rows_before,
    COUNTIF(is_staged AND InvoiceId IS NULL) AS rows_not_invoiced,
    SUM(IF(is_staged, BilledCost, -BilledCost)) AS billed_more,
    SUM(IF(is_staged, EffectiveCost, -EffectiveCost)) AS effective_more
  FROM (
    SELECT
      InvoiceIssuerName,
      BillingPeriodStart,
      BillingPeriodEnd,
      BillingCurrency,
      InvoiceId,
      BilledCost,
      EffectiveCost,
      TRUE AS is_staged
    FROM {staged}
    UNION ALL
    SELECT
      InvoiceIssuerName,
      BillingPeriodStart,
      BillingPeriodEnd,
      BillingCurrency,
      InvoiceId,
      BilledCost,
      EffectiveCost,
      FALSE AS is_staged
    FROM {target}
    WHERE x_source = @source
      AND {date_column} IN UNNEST(@dates)
  ) AS charges
  GROUP BY InvoiceIssuerName, BillingPeriodStart, BillingCurrency
) AS by_currency
GROUP BY InvoiceIssuerName, BillingPeriodStart

-- name: note_final_periods
-- Updates the source's billing periods, before their charges change. A period is final final_after_days after its
-- end. If that is NULL, it is final when all its charges are invoiced. Periods without charges in this run are
-- updated too, because time alone can make them final.
-- param: source STRING
-- param: pipeline_logging_id STRING
-- param: snapshot_at TIMESTAMP
-- param: final_after_days INT64
MERGE {dataset}.focus_billing_period AS periods
USING (
  SELECT
    InvoiceIssuerName,
    BillingPeriodStart,
    BillingPeriodEnd,
    is_changed,
    rows_after > 0 AS has_charges,
    COALESCE(
      TIMESTAMP_ADD(BillingPeriodEnd, INTERVAL @final_after_days DAY) <= @snapshot_at,
      rows_after > 0 AND rows_not_invoiced = 0
    ) AS is_final
  FROM (
    {period_changes}
  ) AS changes
  UNION ALL
  SELECT
    InvoiceIssuerName,
    BillingPeriodStart,
    BillingPeriodEnd,
    FALSE AS is_changed,
    FALSE AS has_charges,
    TRUE AS is_final
  FROM {dataset}.focus_billing_period AS open_periods
  WHERE x_source = @source
    AND BillingPeriodStatus = 'Open'
    AND TIMESTAMP_ADD(BillingPeriodEnd, INTERVAL @final_after_days DAY) <= @snapshot_at
    AND NOT EXISTS (
      SELECT 1
      FROM {staged} AS charges
      WHERE charges.InvoiceIssuerName = open_periods.InvoiceIssuerName
        AND charges.BillingPeriodStart = open_periods.BillingPeriodStart
    )
) AS found
ON periods.x_source = @source
  AND periods.InvoiceIssuerName = found.InvoiceIssuerName
  AND periods.BillingPeriodStart = found.BillingPeriodStart
WHEN MATCHED AND (found.is_changed OR found.is_final != (periods.BillingPeriodStatus = 'Closed')) THEN UPDATE SET
  BillingPeriodStatus = IF(found.is_final, 'Closed', 'Open'),
  BillingPeriodLastUpdated = CURRENT_TIMESTAMP(),
  x_final_at = IF(found.is_final, COALESCE(periods.x_final_at, CURRENT_TIMESTAMP()), NULL),
  x_restated_at = IF(
    found.is_changed AND periods.BillingPeriodStatus = 'Closed', CURRENT_TIMESTAMP(), periods.x_restated_at
  ),
  x_pipeline_logging_id = @pipeline_logging_id,
  x_ingested_at = @snapshot_at
WHEN NOT MATCHED AND found.has_charges THEN INSERT (
  BillingPeriodCreated, BillingPeriodEnd, BillingPeriodLastUpdated, BillingPeriodStart, BillingPeriodStatus,
  InvoiceIssuerName, x_final_at, x_restated_at, x_source, x_pipeline_logging_id, x_ingested_at
) VALUES (
  CURRENT_TIMESTAMP(), found.BillingPeriodEnd, CURRENT_TIMESTAMP(), found.BillingPeriodStart,
  IF(found.is_final, 'Closed', 'Open'), found.InvoiceIssuerName, IF(found.is_final, CURRENT_TIMESTAMP(), NULL), NULL,
  @source, @pipeline_logging_id, @snapshot_at
);

-- name: final_periods
-- Final billing periods whose charges the run changes. The tenant may have to correct its books.
-- param: check_id STRING
-- param: source STRING
SELECT
  @check_id AS check_id,
  COUNT(*) AS failed_rows,
  IF(
    COUNT(*) = 0,
    'none',
    CONCAT(
      CAST(COUNT(*) AS STRING), ' final billing period(s) change, the first began at ',
      CAST(MIN(periods.BillingPeriodStart) AS STRING)
    )
  ) AS observed,
  'no final billing period changes' AS expected,
  ARRAY_AGG(
    TO_JSON_STRING(STRUCT(periods.InvoiceIssuerName, periods.BillingPeriodStart, periods.x_final_at)) LIMIT 5
  ) AS sample
FROM {dataset}.focus_billing_period AS periods
INNER JOIN (
  {period_changes}
) AS changes
  ON changes.InvoiceIssuerName = periods.InvoiceIssuerName
  AND changes.BillingPeriodStart = periods.BillingPeriodStart
WHERE periods.x_source = @source
  AND periods.BillingPeriodStatus = 'Closed'
  AND changes.is_changed
