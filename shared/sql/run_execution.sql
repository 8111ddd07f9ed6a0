-- name: claim_run
-- A leased queue item, the tenant's credential for its provider and the run's checkpoints: one row per checkpoint.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: lease_id STRING
WITH history AS (
  SELECT
    run_id,
    event_id,
    kind,
    lease_id,
    attempt,
    TO_JSON_STRING(details) AS details,
    occurred_at
  FROM {tenants}.pipeline_run_events
  WHERE run_id = @run_id
    AND kind IN ('CLAIMED', 'STEP', 'HANDED_OVER', 'CANCEL_REQUESTED')
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
)
SELECT
  items.provider,
  items.domain,
  items.pipeline_template,
  items.trigger_type,
  items.trigger_by,
  items.user_id,
  items.max_retries,
  items.added_at,
  items.lease_expires_at,
  TO_JSON_STRING(items.parameters) AS parameters,
  items.source AS accepted_source,
  credentials.credential_id,
  credentials.credential_kind,
  credentials.provider AS credential_provider,
  credentials.source AS credential_source,
  credentials.encrypted_credentials,
  credentials.kms_key_version,
  history.event_id,
  history.kind AS event_kind,
  history.lease_id AS event_lease_id,
  history.attempt AS event_attempt,
  history.details AS event_details,
  history.occurred_at AS event_occurred_at,
  CURRENT_TIMESTAMP() AS read_at
FROM {tenants}.pipeline_execution_queue AS items
LEFT JOIN {tenants}.tenant_cloud_credentials AS credentials
  ON credentials.tenant_id = items.tenant_id
  AND credentials.provider = UPPER(items.provider)
LEFT JOIN history ON history.run_id = items.run_id
WHERE items.run_id = @run_id
  AND items.tenant_id = @tenant_id
  AND items.lease_id = @lease_id
  AND items.state = 'PROCESSING'
ORDER BY history.occurred_at

-- name: read_signals
-- Whether the lease still stands and whether somebody asked to cancel.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: lease_id STRING
SELECT
  EXISTS (
    SELECT 1
    FROM {tenants}.pipeline_execution_queue
    WHERE run_id = @run_id
      AND tenant_id = @tenant_id
      AND lease_id = @lease_id
      AND state = 'PROCESSING'
  ) AS lease_is_held,
  EXISTS (
    SELECT 1
    FROM {tenants}.pipeline_run_events
    WHERE run_id = @run_id
      AND tenant_id = @tenant_id
      AND kind = 'CANCEL_REQUESTED'
      AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
  ) AS is_cancel_requested

-- name: begin_attempt
-- Marks the run RUNNING under its lease and raises the fence's token for it; a scheduled run's row is made here.
-- Repeating it under the same lease changes nothing; a run that has ended stays as it is, and its status says so.
-- param: pipeline_logging_id STRING
-- param: tenant_id STRING
-- param: run_id STRING
-- param: pipeline_id STRING
-- param: user_id STRING
-- param: trigger_type STRING
-- param: trigger_by STRING
-- param: parameters STRING
-- param: created_at TIMESTAMP
-- param: lease_id STRING
-- param: attempt INT64
-- param: source STRING
BEGIN TRANSACTION;

ASSERT EXISTS (
  SELECT 1
  FROM {tenants}.pipeline_execution_queue
  WHERE run_id = @run_id
    AND tenant_id = @tenant_id
    AND lease_id = @lease_id
    AND state = 'PROCESSING'
) AS 'LEASE_LOST';

INSERT INTO {dataset}.x_meta_pipeline_runs (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, user_id, trigger_type, trigger_by, status, parameters, created_at
)
SELECT
  @pipeline_logging_id, @tenant_id, @run_id, @pipeline_id, @user_id, @trigger_type, @trigger_by, 'PENDING',
  PARSE_JSON(@parameters), @created_at
FROM UNNEST([1])
WHERE NOT EXISTS (
  SELECT 1
  FROM {dataset}.x_meta_pipeline_runs AS runs
  WHERE runs.pipeline_logging_id = @pipeline_logging_id
);

UPDATE {dataset}.x_meta_pipeline_runs
SET
  status = 'RUNNING',
  lease_id = @lease_id,
  attempt = @attempt,
  source = @source,
  started_at = COALESCE(started_at, CURRENT_TIMESTAMP())
WHERE pipeline_logging_id = @pipeline_logging_id
  AND status IN ('PENDING', 'RUNNING');

INSERT INTO {dataset}.x_meta_publish_fence (pipeline_id, source, token, lease_id, published)
SELECT @pipeline_id, @source, 0, '', FALSE
FROM UNNEST([1])
WHERE @source IS NOT NULL
  AND NOT EXISTS (
    SELECT 1
    FROM {dataset}.x_meta_publish_fence AS fence
    WHERE fence.pipeline_id = @pipeline_id
      AND fence.source = @source
  );

UPDATE {dataset}.x_meta_publish_fence
SET
  token = token + 1,
  lease_id = @lease_id,
  published = FALSE
WHERE pipeline_id = @pipeline_id
  AND source = @source
  AND lease_id != @lease_id
  AND EXISTS (
    SELECT 1
    FROM {dataset}.x_meta_pipeline_runs AS runs
    WHERE runs.pipeline_logging_id = @pipeline_logging_id
      AND runs.status = 'RUNNING'
  );

COMMIT TRANSACTION;

SELECT
  runs.status,
  fence.token,
  fence.watermark
FROM {dataset}.x_meta_pipeline_runs AS runs
LEFT JOIN {dataset}.x_meta_publish_fence AS fence
  ON fence.pipeline_id = @pipeline_id
  AND fence.source = @source
WHERE runs.pipeline_logging_id = @pipeline_logging_id;

-- name: close_run
-- Ends a run that has not ended yet; one that has stays as it is. A scheduled run that no executor ever took up gets its
-- row here, so that the tenant sees what became of it. Says how the run ended: it may have been published.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: attempt INT64
-- param: status STRING
-- param: error_class STRING
-- param: error_message STRING
-- param: bytes_billed INT64
BEGIN TRANSACTION;

UPDATE {dataset}.x_meta_pipeline_runs
SET
  status = @status,
  completed_at = CURRENT_TIMESTAMP(),
  bytes_billed = @bytes_billed,
  error_class = @error_class,
  error_message = @error_message
WHERE pipeline_logging_id = @pipeline_logging_id
  AND status IN ('PENDING', 'RUNNING');

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
  @status,
  scheduled.parameters,
  @attempt,
  scheduled.created_at,
  CURRENT_TIMESTAMP(),
  @error_class,
  @error_message
FROM {tenants}.scheduled_pipeline_runs AS scheduled
WHERE scheduled.run_id = @run_id
  AND scheduled.tenant_id = @tenant_id
  AND scheduled.pipeline_logging_id = @pipeline_logging_id
  AND scheduled.created_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
  AND NOT EXISTS (
    SELECT 1
    FROM {dataset}.x_meta_pipeline_runs AS runs
    WHERE runs.pipeline_logging_id = @pipeline_logging_id
  );

COMMIT TRANSACTION;

SELECT
  status,
  error_class,
  error_message
FROM {dataset}.x_meta_pipeline_runs
WHERE pipeline_logging_id = @pipeline_logging_id;

-- name: close_attempt
-- Ends a run under the lease it runs under, and says how it ended: a publish may have been faster. After another attempt
-- took over it changes nothing and says nothing.
-- param: pipeline_logging_id STRING
-- param: lease_id STRING
-- param: status STRING
-- param: error_class STRING
-- param: error_message STRING
-- param: bytes_billed INT64
UPDATE {dataset}.x_meta_pipeline_runs
SET
  status = @status,
  completed_at = CURRENT_TIMESTAMP(),
  bytes_billed = @bytes_billed,
  error_class = @error_class,
  error_message = @error_message
WHERE pipeline_logging_id = @pipeline_logging_id
  AND lease_id = @lease_id
  AND status = 'RUNNING';

SELECT status
FROM {dataset}.x_meta_pipeline_runs
WHERE pipeline_logging_id = @pipeline_logging_id
  AND lease_id = @lease_id;
