-- name: close_runs
-- Ends many runs of one tenant that have no executor; runs that have ended are not changed. A scheduled run that was
-- never claimed gets its row here, so that the tenant sees its end. Returns the runs that had ended with another
-- status. `closings` is a JSON array of runs, each once.
-- param: tenant_id STRING
-- param: closings STRING
MERGE {dataset}.x_meta_pipeline_runs AS runs
USING (
  SELECT
    JSON_VALUE(run, '$.pipeline_logging_id') AS pipeline_logging_id,
    JSON_VALUE(run, '$.status') AS status,
    CAST(JSON_VALUE(run, '$.attempt') AS INT64) AS attempt,
    JSON_VALUE(run, '$.error_class') AS error_class,
    JSON_VALUE(run, '$.error_message') AS error_message,
    scheduled.tenant_id,
    scheduled.run_id,
    scheduled.pipeline_id,
    scheduled.config_id,
    scheduled.parameters,
    scheduled.created_at
  FROM UNNEST(JSON_QUERY_ARRAY(@closings)) AS run
  LEFT JOIN {tenants}.scheduled_pipeline_runs AS scheduled
    ON scheduled.run_id = JSON_VALUE(run, '$.run_id')
    AND scheduled.pipeline_logging_id = JSON_VALUE(run, '$.pipeline_logging_id')
    AND scheduled.tenant_id = @tenant_id
    AND scheduled.created_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
) AS closing
ON runs.pipeline_logging_id = closing.pipeline_logging_id
WHEN MATCHED AND runs.status IN ('PENDING', 'RUNNING') THEN UPDATE SET
  status = closing.status,
  completed_at = CURRENT_TIMESTAMP(),
  error_class = closing.error_class,
  error_message = closing.error_message
WHEN NOT MATCHED AND closing.run_id IS NOT NULL THEN INSERT (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, trigger_type, trigger_by, config_id, status, parameters,
  attempt, created_at, completed_at, error_class, error_message
) VALUES (
  closing.pipeline_logging_id,
  closing.tenant_id,
  closing.run_id,
  closing.pipeline_id,
  'scheduler',
  'cloud_scheduler',
  closing.config_id,
  closing.status,
  closing.parameters,
  closing.attempt,
  closing.created_at,
  CURRENT_TIMESTAMP(),
  closing.error_class,
  closing.error_message
);

SELECT
  runs.run_id,
  runs.status
FROM UNNEST(JSON_QUERY_ARRAY(@closings)) AS run
JOIN {dataset}.x_meta_pipeline_runs AS runs
  ON runs.pipeline_logging_id = JSON_VALUE(run, '$.pipeline_logging_id')
WHERE runs.status != JSON_VALUE(run, '$.status')
ORDER BY runs.run_id
