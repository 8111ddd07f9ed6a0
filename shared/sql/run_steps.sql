-- name: log_steps
-- Appends step logs and check results that are not there yet. Both parameters are JSON arrays.
-- param: tenant_id STRING
-- param: user_id STRING
-- param: pipeline_logging_id STRING
-- param: provider STRING
-- param: steps STRING
-- param: checks STRING
INSERT INTO {dataset}.x_meta_step_logs (
  log_id, tenant_id, user_id, pipeline_logging_id, step_id, step_type, action, provider, status, attempt, `rows`,
  bytes_billed, bytes_processed, slot_millis, job_id, output_table, started_at, completed_at, duration_ms, details,
  error_message, timestamp
)
SELECT
  JSON_VALUE(step, '$.log_id'),
  @tenant_id,
  @user_id,
  @pipeline_logging_id,
  JSON_VALUE(step, '$.step_id'),
  JSON_VALUE(step, '$.step_type'),
  'STEP',
  @provider,
  JSON_VALUE(step, '$.status'),
  CAST(JSON_VALUE(step, '$.attempt') AS INT64),
  CAST(JSON_VALUE(step, '$.rows') AS INT64),
  CAST(JSON_VALUE(step, '$.bytes_billed') AS INT64),
  CAST(JSON_VALUE(step, '$.bytes_processed') AS INT64),
  CAST(JSON_VALUE(step, '$.slot_millis') AS INT64),
  JSON_VALUE(step, '$.job_id'),
  JSON_VALUE(step, '$.output_table'),
  CAST(JSON_VALUE(step, '$.started_at') AS TIMESTAMP),
  CAST(JSON_VALUE(step, '$.completed_at') AS TIMESTAMP),
  CAST(JSON_VALUE(step, '$.duration_ms') AS INT64),
  PARSE_JSON(JSON_QUERY(step, '$.details')),
  JSON_VALUE(step, '$.error_message'),
  CURRENT_TIMESTAMP()
FROM UNNEST(JSON_QUERY_ARRAY(@steps)) AS step
WHERE NOT EXISTS (
  SELECT 1
  FROM {dataset}.x_meta_step_logs AS logged
  WHERE logged.pipeline_logging_id = @pipeline_logging_id
    AND logged.log_id = JSON_VALUE(step, '$.log_id')
);

INSERT INTO {dataset}.x_meta_dq_results (
  dq_result_id, tenant_id, user_id, pipeline_logging_id, step_id, check_id, table_name, severity, passed, observed,
  expected, failed_rows, sample, checked_at
)
SELECT
  JSON_VALUE(result, '$.dq_result_id'),
  @tenant_id,
  @user_id,
  @pipeline_logging_id,
  JSON_VALUE(result, '$.step_id'),
  JSON_VALUE(result, '$.check_id'),
  JSON_VALUE(result, '$.table_name'),
  JSON_VALUE(result, '$.severity'),
  JSON_VALUE(result, '$.passed') = 'true',
  JSON_VALUE(result, '$.observed'),
  JSON_VALUE(result, '$.expected'),
  CAST(JSON_VALUE(result, '$.failed_rows') AS INT64),
  PARSE_JSON(JSON_QUERY(result, '$.sample')),
  CAST(JSON_VALUE(result, '$.checked_at') AS TIMESTAMP)
FROM UNNEST(JSON_QUERY_ARRAY(@checks)) AS result
WHERE NOT EXISTS (
  SELECT 1
  FROM {dataset}.x_meta_dq_results AS logged
  WHERE logged.pipeline_logging_id = @pipeline_logging_id
    AND logged.dq_result_id = JSON_VALUE(result, '$.dq_result_id')
);

-- name: find_run_details
-- The logged steps and checks of a run that has ended, and the days that it restated, as one row. The conditions on
-- time exclude the partitions of older runs. They are an hour early, because clocks differ.
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
  -- One for each day and currency. The newest days come first, and within a day the largest change.
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
    FROM (
      {changed_days}
    ) AS changed
    WHERE pipeline_logging_id = @pipeline_logging_id
      AND restated_at >= TIMESTAMP_SUB(@accepted_at, INTERVAL 1 HOUR)
    ORDER BY
      usage_date DESC,
      ABS(COALESCE(cost_after, 0) - COALESCE(cost_before, 0)) DESC,
      table_name,
      source,
      changed.billing_currency
    LIMIT @most_restated
  ) AS restated_dates,
  (
    SELECT COUNT(*)
    FROM (
      {changed_days}
    )
    WHERE pipeline_logging_id = @pipeline_logging_id
      AND restated_at >= TIMESTAMP_SUB(@accepted_at, INTERVAL 1 HOUR)
  ) AS restated_dates_total
