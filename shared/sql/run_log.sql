-- name: list_runs
-- A page of a tenant's runs, newest first.
-- param: pipeline_id STRING
-- param: status STRING
-- param: backfill_id STRING
-- param: before_created_at TIMESTAMP
-- param: before_id STRING
-- param: max_runs INT64
SELECT
  pipeline_logging_id,
  run_id,
  pipeline_id,
  status,
  trigger_type,
  trigger_by,
  user_id,
  parameters,
  retry_of,
  backfill_id,
  created_at,
  started_at,
  completed_at,
  attempt,
  wait_reason,
  queue_position,
  cancel_requested,
  rows_published,
  first_date,
  last_date,
  warnings,
  bytes_billed,
  error_class,
  error_message
FROM (
  {seen_runs}
)
WHERE (@pipeline_id IS NULL OR pipeline_id = @pipeline_id)
  AND (@status IS NULL OR status = @status)
  AND (@backfill_id IS NULL OR backfill_id = @backfill_id)
  AND (
    @before_created_at IS NULL
    OR created_at < @before_created_at
    OR (created_at = @before_created_at AND pipeline_logging_id < @before_id)
  )
ORDER BY created_at DESC, pipeline_logging_id DESC
LIMIT @max_runs

-- name: find_run
-- A run as in list_runs, and the steps that its executors streamed. For a run that has not ended this is all there is.
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: event_days INT64
SELECT
  pipeline_logging_id,
  run_id,
  pipeline_id,
  status,
  trigger_type,
  trigger_by,
  user_id,
  parameters,
  retry_of,
  backfill_id,
  created_at,
  started_at,
  completed_at,
  attempt,
  wait_reason,
  queue_position,
  cancel_requested,
  rows_published,
  first_date,
  last_date,
  dates,
  warnings,
  bytes_billed,
  error_class,
  error_message,
  ARRAY(
    SELECT AS STRUCT
      event_id,
      TO_JSON_STRING(details) AS details
    FROM {tenants}.pipeline_run_events
    WHERE tenant_id = @tenant_id
      AND run_id = @pipeline_logging_id
      AND kind = 'STEP'
      AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @event_days DAY)
  ) AS streamed_steps
FROM (
  {seen_runs}
)
WHERE pipeline_logging_id = @pipeline_logging_id

-- name: find_run_details
-- The logged steps and checks of a run that has ended, and the days that it restated, as one row. Clocks differ, so the
-- bound that excludes old partitions is an hour early. A day has a restatement for each currency of the export. The newest
-- days come first, and within a day the largest change.
-- param: pipeline_logging_id STRING
-- param: accepted_at TIMESTAMP
-- param: most_restated INT64
-- param: most_characters INT64
SELECT
  ARRAY(
    SELECT AS STRUCT
      log_id,
      step_id,
      step_type,
      status,
      attempt,
      `rows`,
      bytes_billed,
      job_id,
      output_table,
      started_at,
      completed_at,
      duration_ms,
      error_message
    FROM {dataset}.x_meta_step_logs
    WHERE pipeline_logging_id = @pipeline_logging_id
      AND action = 'STEP'
      AND timestamp >= TIMESTAMP_SUB(@accepted_at, INTERVAL 1 HOUR)
  ) AS logged_steps,
  ARRAY(
    SELECT AS STRUCT
      dq_result_id,
      check_id,
      step_id,
      table_name,
      severity,
      passed,
      observed,
      expected,
      failed_rows,
      TO_JSON_STRING(sample) AS sample,
      checked_at
    FROM {dataset}.x_meta_dq_results
    WHERE pipeline_logging_id = @pipeline_logging_id
      AND checked_at >= TIMESTAMP_SUB(@accepted_at, INTERVAL 1 HOUR)
  ) AS logged_checks,
  ARRAY(
    SELECT AS STRUCT
      table_name,
      source,
      usage_date,
      rows_before,
      rows_after,
      cost_before,
      cost_after,
      IF(
        CHAR_LENGTH(billing_currency) > @most_characters,
        CONCAT(SUBSTR(billing_currency, 1, @most_characters - 1), '…'),
        billing_currency
      ) AS billing_currency
    FROM {dataset}.x_meta_restatements
    WHERE pipeline_logging_id = @pipeline_logging_id
      AND restated_at >= TIMESTAMP_SUB(@accepted_at, INTERVAL 1 HOUR)
    ORDER BY
      usage_date DESC,
      ABS(COALESCE(cost_after, 0) - COALESCE(cost_before, 0)) DESC,
      table_name,
      source,
      x_meta_restatements.billing_currency
    LIMIT @most_restated
  ) AS restated_dates,
  (
    SELECT COUNT(*)
    FROM {dataset}.x_meta_restatements
    WHERE pipeline_logging_id = @pipeline_logging_id
      AND restated_at >= TIMESTAMP_SUB(@accepted_at, INTERVAL 1 HOUR)
  ) AS restated_dates_total
