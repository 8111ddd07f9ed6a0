-- name: close_runs
-- Ends many runs of one tenant that no executor ends; those that have ended stay as they are. A scheduled run that no
-- executor ever took up gets its row here, so that the tenant sees what became of it. Says which had ended otherwise.
-- `closings` is a JSON array of runs, each once.
-- param: tenant_id STRING
-- param: closings STRING
BEGIN TRANSACTION;

UPDATE {dataset}.x_meta_pipeline_runs AS runs
SET
  status = closing.status,
  completed_at = CURRENT_TIMESTAMP(),
  error_class = closing.error_class,
  error_message = closing.error_message
FROM (
  SELECT
    JSON_VALUE(run, '$.pipeline_logging_id') AS pipeline_logging_id,
    JSON_VALUE(run, '$.status') AS status,
    JSON_VALUE(run, '$.error_class') AS error_class,
    JSON_VALUE(run, '$.error_message') AS error_message
  FROM UNNEST(JSON_QUERY_ARRAY(@closings)) AS run
) AS closing
WHERE runs.pipeline_logging_id = closing.pipeline_logging_id
  AND runs.status IN ('PENDING', 'RUNNING');

INSERT INTO {dataset}.x_meta_pipeline_runs (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, trigger_type, trigger_by, status, parameters, attempt,
  created_at, completed_at, error_class, error_message
)
SELECT
  scheduled.pipeline_logging_id,
  scheduled.tenant_id,
  scheduled.run_id,
  scheduled.pipeline_id,
  'scheduler',
  'cloud_scheduler',
  JSON_VALUE(run, '$.status'),
  scheduled.parameters,
  CAST(JSON_VALUE(run, '$.attempt') AS INT64),
  scheduled.created_at,
  CURRENT_TIMESTAMP(),
  JSON_VALUE(run, '$.error_class'),
  JSON_VALUE(run, '$.error_message')
FROM UNNEST(JSON_QUERY_ARRAY(@closings)) AS run
JOIN {tenants}.scheduled_pipeline_runs AS scheduled
  ON scheduled.run_id = JSON_VALUE(run, '$.run_id')
  AND scheduled.pipeline_logging_id = JSON_VALUE(run, '$.pipeline_logging_id')
WHERE scheduled.tenant_id = @tenant_id
  AND scheduled.created_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
  AND NOT EXISTS (
    SELECT 1
    FROM {dataset}.x_meta_pipeline_runs AS runs
    WHERE runs.pipeline_logging_id = scheduled.pipeline_logging_id
  );

COMMIT TRANSACTION;

SELECT
  runs.run_id,
  runs.status
FROM UNNEST(JSON_QUERY_ARRAY(@closings)) AS run
JOIN {dataset}.x_meta_pipeline_runs AS runs
  ON runs.pipeline_logging_id = JSON_VALUE(run, '$.pipeline_logging_id')
WHERE runs.status != JSON_VALUE(run, '$.status')
ORDER BY runs.run_id
