-- name: read_queue
-- The dispatcher's whole input in one row: live items, the front of every tenant's queue, the events of executors,
-- and each tenant's limits. Every decision uses `now` as its clock.
-- param: front INT64
-- param: unexamined INT64
-- param: ageing_seconds INT64
WITH
-- The requested cancels. A run may wait as long as events are kept, so this reads all partitions, but narrow columns
-- only. The CTE sign reads the wide columns, of the last seven days.
cancelled AS (
  SELECT
    run_id,
    MAX(occurred_at) AS occurred_at
  FROM {tenants}.pipeline_run_events
  WHERE kind = 'CANCEL_REQUESTED'
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)
  GROUP BY run_id
),
ready AS (
  SELECT
    run_id,
    tenant_id,
    pipeline_id,
    source,
    scheduled_time,
    added_at,
    wait_reason IS NULL AS is_unexamined,
    quota_date IS NOT NULL AS is_counted,
    aged_priority
  FROM (
    {aged_queue}
  )
  WHERE state = 'QUEUED'
    AND available_at <= CURRENT_TIMESTAMP()
),
waiting AS (
  SELECT
    run_id,
    is_unexamined,
    -- Runs that a day has already counted may start even at the daily limit. They are ranked separately, so that runs
    -- that may not start cannot hide them.
    ROW_NUMBER() OVER (
      PARTITION BY tenant_id, is_counted
      ORDER BY aged_priority DESC, scheduled_time, run_id
    ) AS tenant_rank,
    ROW_NUMBER() OVER (
      PARTITION BY tenant_id, pipeline_id, source
      ORDER BY aged_priority DESC, scheduled_time, run_id
    ) AS pipeline_rank,
    ROW_NUMBER() OVER (
      PARTITION BY is_unexamined
      ORDER BY added_at, run_id
    ) AS age_rank
  FROM ready
),
item AS (
  SELECT
    queue.run_id,
    queue.tenant_id,
    queue.pipeline_id,
    queue.pipeline_logging_id,
    queue.state,
    queue.priority,
    queue.scheduled_time,
    queue.available_at,
    queue.added_at,
    queue.attempt,
    queue.hop,
    queue.max_retries,
    queue.source,
    queue.config_id,
    queue.backfill_id,
    queue.quota_date,
    queue.lease_id,
    queue.lease_expires_at,
    queue.processing_started_at,
    queue.wait_reason
  FROM {tenants}.pipeline_execution_queue AS queue
  LEFT JOIN waiting ON waiting.run_id = queue.run_id
  WHERE queue.state = 'PROCESSING'
    OR (waiting.is_unexamined AND waiting.age_rank <= @unexamined)
    OR waiting.tenant_rank <= @front
    OR waiting.pipeline_rank = 1
    OR queue.run_id IN (SELECT run_id FROM cancelled)
),
sign AS (
  SELECT
    events.run_id,
    events.kind,
    events.occurred_at,
    events.lease_id,
    SAFE_CAST(JSON_VALUE(events.details, '$.hop') AS INT64) AS hop,
    events.retryable,
    events.error_class,
    events.error_message
  FROM {tenants}.pipeline_run_events AS events
  JOIN item ON item.run_id = events.run_id
  WHERE events.occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)
    AND events.kind NOT IN ('ADMITTED', 'SETTLED', 'CLOSED', 'CANCEL_REQUESTED')
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY events.run_id, events.lease_id, events.kind
    ORDER BY events.occurred_at DESC
  ) = 1

  UNION ALL

  -- A requested cancel is valid under every lease of the run.
  SELECT
    cancelled.run_id,
    'CANCEL_REQUESTED' AS kind,
    cancelled.occurred_at,
    CAST(NULL AS STRING) AS lease_id,
    CAST(NULL AS INT64) AS hop,
    CAST(NULL AS BOOL) AS retryable,
    CAST(NULL AS STRING) AS error_class,
    CAST(NULL AS STRING) AS error_message
  FROM cancelled
  JOIN item ON item.run_id = cancelled.run_id
),
subscription AS (
  {live_subscriptions}
),
usage_today AS (
  SELECT
    tenant_id,
    SUM(pipelines_run_today) AS started_today,
    MAX(last_admitted_at) AS last_admitted_at
  FROM {tenants}.tenant_usage_quotas
  WHERE usage_date = CURRENT_DATE('UTC')
  GROUP BY tenant_id
),
due_schedule AS (
  SELECT
    tenant_id,
    COUNT(*) AS due_today
  FROM {tenants}.tenant_pipeline_configs
  WHERE is_active
    AND DATE(next_run_time, 'UTC') <= CURRENT_DATE('UTC')
  GROUP BY tenant_id
),
tenant AS (
  SELECT
    profiles.tenant_id,
    profiles.status = 'ACTIVE' AND subscription.tenant_id IS NOT NULL AS is_live,
    COALESCE(subscription.daily_limit, 0) AS daily_limit,
    COALESCE(subscription.concurrent_limit, 0) AS concurrent_limit,
    COALESCE(usage_today.started_today, 0) AS started_today,
    usage_today.last_admitted_at,
    COALESCE(due_schedule.due_today, 0) AS due_today
  FROM {tenants}.tenant_profiles AS profiles
  LEFT JOIN subscription ON subscription.tenant_id = profiles.tenant_id
  LEFT JOIN usage_today ON usage_today.tenant_id = profiles.tenant_id
  LEFT JOIN due_schedule ON due_schedule.tenant_id = profiles.tenant_id
  WHERE profiles.tenant_id IN (SELECT tenant_id FROM item)
)
SELECT
  (SELECT epoch FROM {tenants}.dispatcher_state) AS epoch,
  CURRENT_TIMESTAMP() AS now,
  (SELECT COUNT(*) FROM {tenants}.pipeline_execution_queue WHERE state = 'QUEUED') AS queued_count,
  (
    SELECT MIN(available_at)
    FROM {tenants}.pipeline_execution_queue
    WHERE state = 'QUEUED'
      AND available_at > CURRENT_TIMESTAMP()
  ) AS next_available_at,
  ARRAY(
    SELECT AS STRUCT
      run_id, tenant_id, pipeline_id, pipeline_logging_id, state, priority, scheduled_time, available_at, added_at,
      attempt, hop, max_retries, source, config_id, backfill_id, quota_date, lease_id, lease_expires_at,
      processing_started_at, wait_reason
    FROM item
    ORDER BY run_id
  ) AS items,
  ARRAY(
    SELECT AS STRUCT run_id, kind, occurred_at, lease_id, hop, retryable, error_class, error_message
    FROM sign
    ORDER BY run_id, occurred_at
  ) AS signs,
  ARRAY(
    SELECT AS STRUCT tenant_id, is_live, daily_limit, concurrent_limit, started_today, last_admitted_at, due_today
    FROM tenant
    ORDER BY tenant_id
  ) AS tenants
