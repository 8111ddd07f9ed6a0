-- name: live_lease
-- One row if the lease is the run's current one, so that an executor with an older lease writes nothing.
-- param: run_id STRING
-- param: tenant_id STRING
-- param: lease_id STRING
SELECT 1
FROM {tenants}.pipeline_execution_queue
WHERE run_id = @run_id
  AND tenant_id = @tenant_id
  AND lease_id = @lease_id
  AND state = 'PROCESSING'

-- name: live_subscriptions
-- The live subscription of each tenant: the newest of those that have begun and have not ended.
SELECT
  tenant_id,
  daily_limit,
  concurrent_limit
FROM {tenants}.tenant_subscriptions
WHERE status IN ('ACTIVE', 'TRIAL')
  AND COALESCE(starts_at <= CURRENT_TIMESTAMP(), TRUE)
  AND COALESCE(CURRENT_TIMESTAMP() < ends_at, TRUE)
QUALIFY ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY created_at DESC) = 1

-- name: key_owner
-- The tenant that owns an API key, with its profile and its live subscription, or else its newest one.
-- param: api_key_hash STRING
WITH api_key AS (
  SELECT
    api_key_id,
    tenant_id,
    is_active,
    expires_at
  FROM {tenants}.tenant_api_keys
  WHERE api_key_hash = @api_key_hash
),
subscription AS (
  SELECT
    subscriptions.tenant_id,
    subscriptions.status,
    subscriptions.starts_at,
    subscriptions.ends_at,
    subscriptions.daily_limit,
    subscriptions.concurrent_limit
  FROM {tenants}.tenant_subscriptions AS subscriptions
  JOIN api_key ON api_key.tenant_id = subscriptions.tenant_id
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY subscriptions.tenant_id
    ORDER BY
      subscriptions.status IN ('ACTIVE', 'TRIAL')
        AND COALESCE(subscriptions.starts_at <= CURRENT_TIMESTAMP(), TRUE)
        AND COALESCE(CURRENT_TIMESTAMP() < subscriptions.ends_at, TRUE) DESC,
      subscriptions.created_at DESC
  ) = 1
)
SELECT
  api_key.api_key_id,
  api_key.tenant_id,
  api_key.is_active AS key_is_active,
  api_key.expires_at AS key_expires_at,
  profiles.status AS tenant_status,
  subscription.status AS subscription_status,
  subscription.starts_at AS subscription_starts_at,
  subscription.ends_at AS subscription_ends_at,
  subscription.daily_limit,
  subscription.concurrent_limit,
  CURRENT_TIMESTAMP() AS read_at
FROM api_key
LEFT JOIN {tenants}.tenant_profiles AS profiles ON profiles.tenant_id = api_key.tenant_id
LEFT JOIN subscription ON subscription.tenant_id = api_key.tenant_id

-- name: new_api_key
-- Another API key of a tenant, if there is such a tenant.
-- param: tenant_id STRING
-- param: api_key_id STRING
-- param: api_key_hash STRING
INSERT INTO {tenants}.tenant_api_keys (api_key_id, tenant_id, api_key_hash, is_active, created_at)
SELECT
  @api_key_id,
  tenant_id,
  @api_key_hash,
  TRUE,
  CURRENT_TIMESTAMP()
FROM {tenants}.tenant_profiles
WHERE tenant_id = @tenant_id

-- name: seen_runs
-- A tenant's runs, or one of them, as the tenant sees them. The newer state of queue and dispatcher overrides the run
-- log. A query for one run reads only that run's events.
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: event_days INT64
-- param: ageing_seconds INT64
WITH logged AS (
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
    rows_published,
    dates,
    warnings,
    bytes_billed,
    error_class,
    error_message
  FROM {dataset}.x_meta_pipeline_runs
  WHERE tenant_id = @tenant_id
    AND (@pipeline_logging_id IS NULL OR pipeline_logging_id = @pipeline_logging_id)
),
aged AS (
  SELECT
    pipeline_logging_id,
    run_id,
    pipeline_id,
    state,
    trigger_type,
    trigger_by,
    user_id,
    parameters,
    scheduled_time,
    added_at,
    attempt,
    processing_started_at,
    wait_reason,
    priority + IF(
      backfill_id IS NULL,
      DIV(GREATEST(TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), added_at, SECOND), 0), @ageing_seconds),
      0
    ) AS priority
  FROM {tenants}.pipeline_execution_queue
  WHERE tenant_id = @tenant_id
),
queued AS (
  SELECT
    pipeline_logging_id,
    run_id,
    pipeline_id,
    state,
    trigger_type,
    trigger_by,
    user_id,
    parameters,
    added_at,
    attempt,
    processing_started_at,
    wait_reason,
    ROW_NUMBER() OVER (PARTITION BY state ORDER BY priority DESC, scheduled_time, run_id) AS queue_position
  FROM aged
),
-- Requested cancels, and outcomes that the run's row does not have yet; a closing task writes them within minutes.
-- Also the error after which a run is retried, because its row has only the last attempt.
settled AS (
  SELECT
    run_id,
    LOGICAL_OR(kind = 'CANCEL_REQUESTED') AS cancel_requested,
    MAX(IF(outcome NOT IN ('RETRY', 'PAUSE'), outcome, NULL)) AS outcome,
    MAX(IF(outcome NOT IN ('RETRY', 'PAUSE'), error_class, NULL)) AS error_class,
    MAX(IF(outcome NOT IN ('RETRY', 'PAUSE'), error_message, NULL)) AS error_message,
    ARRAY_AGG(
      IF(outcome IN ('RETRY', 'PAUSE'), STRUCT(error_class, error_message), NULL) IGNORE NULLS ORDER BY occurred_at DESC LIMIT 1
    ) AS retried
  FROM {tenants}.pipeline_run_events
  WHERE tenant_id = @tenant_id
    AND (@pipeline_logging_id IS NULL OR run_id = @pipeline_logging_id)
    AND (kind = 'CANCEL_REQUESTED' OR (kind = 'SETTLED' AND outcome IN ('COMPLETED', 'FAILED', 'CANCELLED', 'RETRY', 'PAUSE')))
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @event_days DAY)
  GROUP BY run_id
),
run AS (
  SELECT
    COALESCE(logged.pipeline_logging_id, queued.pipeline_logging_id) AS pipeline_logging_id,
    COALESCE(logged.run_id, queued.run_id) AS run_id,
    COALESCE(logged.pipeline_id, queued.pipeline_id) AS pipeline_id,
    -- The first matching WHEN decides.
    CASE
      -- The row says how the run ended, which never changes.
      WHEN logged.status IN ('COMPLETED', 'CANCELLED') THEN logged.status
      -- The dispatcher has not seen the run yet. The row has the status of the caller's answer, RUNNING or PENDING.
      WHEN queued.state = 'QUEUED' AND queued.attempt = 0 AND queued.wait_reason IS NULL
        THEN COALESCE(logged.status, 'PENDING')
      -- The run waits for a slot, for quota or for another attempt, whatever the row says of the last attempt.
      WHEN queued.state = 'QUEUED' THEN 'PENDING'
      -- The last attempt closed the row, and the dispatcher has not settled the run yet.
      WHEN logged.status = 'FAILED' THEN 'FAILED'
      WHEN queued.state = 'PROCESSING' THEN 'RUNNING'
      -- The run has left the queue, and a closing task has not yet written the outcome into its row.
      ELSE COALESCE(settled.outcome, logged.status)
    END AS status,
    COALESCE(logged.trigger_type, queued.trigger_type) AS trigger_type,
    COALESCE(logged.trigger_by, queued.trigger_by) AS trigger_by,
    COALESCE(logged.user_id, queued.user_id) AS user_id,
    COALESCE(logged.parameters, queued.parameters) AS parameters,
    logged.retry_of,
    logged.backfill_id,
    COALESCE(logged.created_at, queued.added_at) AS created_at,
    COALESCE(logged.started_at, queued.processing_started_at) AS started_at,
    logged.completed_at,
    GREATEST(COALESCE(logged.attempt, 0), COALESCE(queued.attempt, 0)) AS attempt,
    queued.wait_reason,
    queued.queue_position,
    COALESCE(settled.cancel_requested, FALSE) AS cancel_requested,
    logged.rows_published,
    logged.dates,
    logged.warnings,
    logged.bytes_billed,
    IF(
      queued.wait_reason IN ('RETRY_BACKOFF', 'GOOGLE_QUOTA'),
      settled.retried[SAFE_OFFSET(0)].error_class,
      COALESCE(logged.error_class, settled.error_class)
    ) AS error_class,
    IF(
      queued.wait_reason IN ('RETRY_BACKOFF', 'GOOGLE_QUOTA'),
      settled.retried[SAFE_OFFSET(0)].error_message,
      COALESCE(logged.error_message, settled.error_message)
    ) AS error_message
  FROM logged
  FULL JOIN queued ON queued.pipeline_logging_id = logged.pipeline_logging_id
  LEFT JOIN settled ON settled.run_id = COALESCE(logged.run_id, queued.run_id)
)
SELECT
  pipeline_logging_id,
  run_id,
  pipeline_id,
  status,
  trigger_type,
  trigger_by,
  user_id,
  TO_JSON_STRING(parameters) AS parameters,
  retry_of,
  backfill_id,
  created_at,
  started_at,
  completed_at,
  attempt,
  IF(status = 'PENDING', wait_reason, NULL) AS wait_reason,
  IF(status = 'PENDING', queue_position, NULL) AS queue_position,
  cancel_requested,
  rows_published,
  (SELECT MIN(day) FROM UNNEST(dates) AS day) AS first_date,
  (SELECT MAX(day) FROM UNNEST(dates) AS day) AS last_date,
  dates,
  warnings,
  bytes_billed,
  error_class,
  error_message
FROM run
