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
