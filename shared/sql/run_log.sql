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
    config_id,
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
queued AS (
  SELECT
    pipeline_logging_id,
    run_id,
    pipeline_id,
    state,
    trigger_type,
    trigger_by,
    config_id,
    user_id,
    parameters,
    added_at,
    attempt,
    processing_started_at,
    wait_reason,
    -- A run that was answered RUNNING starts at the dispatcher's next call, so it has no place among those that wait.
    ROW_NUMBER() OVER (
      PARTITION BY state, trigger_type = 'api' AND backfill_id IS NULL AND attempt = 0 AND wait_reason IS NULL
      ORDER BY aged_priority DESC, scheduled_time, run_id
    ) AS queue_position
  FROM (
    {aged_queue}
  )
  WHERE tenant_id = @tenant_id
),
-- What only the dispatcher's events say: requested cancels, outcomes that a closing task has not written into the
-- run's row yet, and the error after which a run is retried, because its row has only the last attempt.
settled AS (
  SELECT
    run_id,
    LOGICAL_OR(kind = 'CANCEL_REQUESTED') AS cancel_requested,
    MAX(IF(outcome NOT IN ('RETRY', 'PAUSE'), outcome, NULL)) AS outcome,
    MAX(IF(outcome NOT IN ('RETRY', 'PAUSE'), error_class, NULL)) AS error_class,
    MAX(IF(outcome NOT IN ('RETRY', 'PAUSE'), error_message, NULL)) AS error_message,
    ARRAY_AGG(
      IF(outcome IN ('RETRY', 'PAUSE'), STRUCT(error_class, error_message), NULL)
      IGNORE NULLS
      ORDER BY occurred_at DESC
      LIMIT 1
    ) AS retried
  FROM {tenants}.pipeline_run_events
  WHERE tenant_id = @tenant_id
    AND (@pipeline_logging_id IS NULL OR run_id = @pipeline_logging_id)
    AND (
      kind = 'CANCEL_REQUESTED'
      OR (kind = 'SETTLED' AND outcome IN ('COMPLETED', 'FAILED', 'CANCELLED', 'RETRY', 'PAUSE'))
    )
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
    COALESCE(logged.config_id, queued.config_id) AS config_id,
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
  config_id,
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

-- name: list_runs
-- A page of a tenant's runs, newest first: the query seen_runs with a condition.
-- param: pipeline_id STRING
-- param: status STRING
-- param: backfill_id STRING
-- param: before_created_at TIMESTAMP
-- param: before_id STRING
-- param: max_runs INT64
{seen_runs}
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
-- A run as in list_runs, and the steps that its executors streamed. Until a run ends, its steps are only there.
-- param: tenant_id STRING
-- param: pipeline_logging_id STRING
-- param: event_days INT64
SELECT
  seen.*,
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
) AS seen
WHERE pipeline_logging_id = @pipeline_logging_id
