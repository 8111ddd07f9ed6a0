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
    AND tenant_id = @tenant_id
    AND kind IN ('CLAIMED', 'STEP', 'HANDED_OVER', 'CANCEL_REQUESTED')
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
)
SELECT
  items.provider,
  items.domain,
  items.pipeline_template,
  items.trigger_type,
  items.trigger_by,
  items.config_id,
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
-- Whether the lease is still the current one, and whether the run's cancellation is requested.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: lease_id STRING
SELECT
  EXISTS (
    {live_lease}
  ) AS lease_is_held,
  EXISTS (
    {cancel_request}
  ) AS is_cancel_requested

-- name: close_run
-- Ends a run that has not ended yet; a run that has ended is not changed. A scheduled run that was never claimed gets
-- its row here, so that the tenant sees its end. Returns how the run ended, because it may have been published.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: attempt INT64
-- param: status STRING
-- param: error_class STRING
-- param: error_message STRING
-- param: bytes_billed INT64
MERGE {dataset}.x_meta_pipeline_runs AS runs
USING (
  SELECT
    wanted.pipeline_logging_id,
    scheduled.tenant_id,
    scheduled.run_id,
    scheduled.pipeline_id,
    scheduled.config_id,
    scheduled.parameters,
    scheduled.created_at
  FROM (SELECT @pipeline_logging_id AS pipeline_logging_id) AS wanted
  LEFT JOIN {tenants}.scheduled_pipeline_runs AS scheduled
    ON scheduled.pipeline_logging_id = wanted.pipeline_logging_id
    AND scheduled.run_id = @run_id
    AND scheduled.tenant_id = @tenant_id
    AND scheduled.created_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
) AS closed
ON runs.pipeline_logging_id = closed.pipeline_logging_id
WHEN MATCHED AND runs.status IN ('PENDING', 'RUNNING') THEN UPDATE SET
  status = @status,
  completed_at = CURRENT_TIMESTAMP(),
  bytes_billed = @bytes_billed,
  error_class = @error_class,
  error_message = @error_message
WHEN NOT MATCHED AND closed.run_id IS NOT NULL THEN INSERT (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, trigger_type, trigger_by, config_id, status, parameters,
  attempt, created_at, completed_at, error_class, error_message
) VALUES (
  closed.pipeline_logging_id,
  closed.tenant_id,
  closed.run_id,
  closed.pipeline_id,
  'scheduler',
  'cloud_scheduler',
  closed.config_id,
  @status,
  closed.parameters,
  @attempt,
  closed.created_at,
  CURRENT_TIMESTAMP(),
  @error_class,
  @error_message
);

SELECT
  status,
  error_class,
  error_message
FROM {dataset}.x_meta_pipeline_runs
WHERE pipeline_logging_id = @pipeline_logging_id;

-- name: close_attempt
-- Ends a run under its lease and returns how it ended, because it may have been published. If another attempt has
-- taken over, it changes nothing and returns no row.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: lease_id STRING
-- param: attempt INT64
-- param: source STRING
-- param: started_at TIMESTAMP
-- param: status STRING
-- param: error_class STRING
-- param: error_message STRING
-- param: bytes_billed INT64
UPDATE {dataset}.x_meta_pipeline_runs
SET
  status = @status,
  lease_id = @lease_id,
  attempt = @attempt,
  source = @source,
  started_at = COALESCE(started_at, @started_at),
  completed_at = CURRENT_TIMESTAMP(),
  bytes_billed = @bytes_billed,
  error_class = @error_class,
  error_message = @error_message
WHERE pipeline_logging_id = @pipeline_logging_id
  AND status IN ('PENDING', 'RUNNING')
  AND EXISTS (
    {live_lease}
  );

SELECT status
FROM {dataset}.x_meta_pipeline_runs
WHERE pipeline_logging_id = @pipeline_logging_id
  AND lease_id = @lease_id;
