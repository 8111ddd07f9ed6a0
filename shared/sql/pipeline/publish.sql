-- name: take_proof
-- Opens the publish: moves the fence that this attempt holds, or aborts; a newer attempt holds another token.
-- param: pipeline_id STRING
-- param: source STRING
-- param: token INT64
-- param: lease_id STRING
-- param: run_id STRING
-- param: tenant_id STRING
-- param: watermark TIMESTAMP
BEGIN TRANSACTION;

UPDATE {dataset}.x_meta_publish_fence
SET
  published = TRUE,
  watermark = COALESCE(@watermark, watermark)
WHERE pipeline_id = @pipeline_id
  AND source = @source
  AND token = @token
  AND lease_id = @lease_id
  AND published IS NOT TRUE;

ASSERT @@row_count = 1 AS 'FENCE_LOST';

ASSERT EXISTS (
  SELECT 1
  FROM {tenants}.pipeline_execution_queue
  WHERE run_id = @run_id
    AND tenant_id = @tenant_id
    AND lease_id = @lease_id
    AND state = 'PROCESSING'
) AS 'LEASE_LOST';

-- name: note_restatements
-- Notes what becomes of days that had rows, changed or not. A day that was emptied had rows too: what the log adds up to
-- stays true when it is filled again.
-- param: pipeline_logging_id STRING
-- param: table_name STRING
-- param: source STRING
-- param: dates ARRAY<DATE>
INSERT INTO {dataset}.x_meta_restatements (
  pipeline_logging_id, table_name, source, usage_date, rows_before, rows_after, cost_before, cost_after,
  billing_currency, restated_at
)
WITH before_publish AS (
  {billed_before}
),
after_publish AS (
  {billed_after}
)
SELECT
  @pipeline_logging_id,
  @table_name,
  @source,
  COALESCE(before_publish.usage_date, after_publish.usage_date),
  COALESCE(before_publish.row_count, 0),
  COALESCE(after_publish.row_count, 0),
  COALESCE(before_publish.billed_cost, 0),
  COALESCE(after_publish.billed_cost, 0),
  COALESCE(before_publish.billing_currency, after_publish.billing_currency),
  CURRENT_TIMESTAMP()
FROM before_publish
FULL JOIN after_publish
  ON after_publish.usage_date = before_publish.usage_date
  AND after_publish.billing_currency = before_publish.billing_currency
WHERE COALESCE(before_publish.usage_date, after_publish.usage_date) IN (
  SELECT usage_date
  FROM before_publish
  UNION DISTINCT
  SELECT usage_date
  FROM {dataset}.x_meta_restatements
  WHERE table_name = @table_name
    AND source = @source
    AND rows_after = 0
);

-- name: delete_days
-- The touched days of this source leave one table.
-- param: source STRING
-- param: dates ARRAY<DATE>
DELETE FROM {target}
WHERE x_source = @source
  AND {date_column} IN UNNEST(@dates);

-- name: insert_rows
-- What was staged of them comes into it.
INSERT INTO {target} ({columns})
SELECT {columns}
FROM {staged};

-- name: finish_run
-- Closes the publish: the run is COMPLETED with its data or not at all.
-- param: pipeline_logging_id STRING
-- param: lease_id STRING
-- param: rows_published INT64
-- param: bytes_billed INT64
-- param: seen_until TIMESTAMP
UPDATE {dataset}.x_meta_pipeline_runs
SET
  status = 'COMPLETED',
  completed_at = CURRENT_TIMESTAMP(),
  rows_published = @rows_published,
  bytes_billed = @bytes_billed,
  watermark = @seen_until,
  error_class = NULL,
  error_message = NULL
WHERE pipeline_logging_id = @pipeline_logging_id
  AND lease_id = @lease_id
  AND status = 'RUNNING';

ASSERT @@row_count = 1 AS 'RUN_CLOSED';

COMMIT TRANSACTION;
