-- name: read_status
-- The scheduler's status as one row: the queue, the outcomes of the last day, tenants near a limit, and each job's
-- last run.
-- param: near_percent INT64
WITH waiting AS (
  SELECT
    tenant_id,
    COALESCE(wait_reason, 'NOT_EXAMINED') AS wait_reason,
    added_at
  FROM {tenants}.pipeline_execution_queue
  WHERE state = 'QUEUED'
),
-- Limits come from the live subscription. A usage row has the limits of its day's first run, which may be older.
limits AS (
  {live_subscriptions}
),
usage_today AS (
  SELECT
    used.tenant_id,
    COALESCE(limits.daily_limit, used.daily_limit) AS daily_limit,
    COALESCE(limits.concurrent_limit, used.concurrent_limit) AS concurrent_limit,
    used.pipelines_run_today,
    used.concurrent_pipelines_running
  FROM {tenants}.tenant_usage_quotas AS used
  LEFT JOIN limits ON limits.tenant_id = used.tenant_id
  WHERE used.usage_date = CURRENT_DATE('UTC')
),
near_limit AS (
  SELECT
    tenant_id,
    daily_limit,
    concurrent_limit,
    pipelines_run_today,
    concurrent_pipelines_running
  FROM usage_today
  WHERE pipelines_run_today * 100 >= daily_limit * @near_percent
  ORDER BY pipelines_run_today DESC, tenant_id
  LIMIT 100
)
SELECT
  CURRENT_TIMESTAMP() AS now,
  (SELECT COUNT(*) FROM {tenants}.pipeline_execution_queue WHERE state = 'PROCESSING') AS live_leases,
  (SELECT MIN(added_at) FROM waiting) AS oldest_added_at,
  -- Runs that should have started by now, because neither a limit nor a backoff holds them.
  (
    SELECT MIN(added_at) FROM waiting WHERE wait_reason IN ('NOT_EXAMINED', 'PLATFORM_BUSY')
  ) AS oldest_startable_at,
  -- The earliest due tick of the tenants that are live. Ticks of other tenants may stay due for ever.
  (
    SELECT MIN(configs.next_run_time)
    FROM {tenants}.tenant_pipeline_configs AS configs
    JOIN {tenants}.tenant_profiles AS profiles ON profiles.tenant_id = configs.tenant_id
    JOIN limits ON limits.tenant_id = configs.tenant_id
    WHERE configs.is_active
      AND configs.deferred_at IS NULL
      AND profiles.status = 'ACTIVE'
  ) AS earliest_tick,
  ARRAY(
    SELECT AS STRUCT wait_reason AS name, COUNT(*) AS items
    FROM waiting
    GROUP BY wait_reason
    ORDER BY wait_reason
  ) AS waiting,
  ARRAY(
    SELECT AS STRUCT outcome AS name, COUNT(*) AS items
    FROM {tenants}.pipeline_run_events
    WHERE kind = 'SETTLED'
      AND outcome IN ('COMPLETED', 'FAILED', 'CANCELLED')
      AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 24 HOUR)
    GROUP BY outcome
    ORDER BY outcome
  ) AS outcomes,
  ARRAY(
    SELECT AS STRUCT tenant_id, daily_limit, concurrent_limit, pipelines_run_today, concurrent_pipelines_running
    FROM near_limit
  ) AS near_limit,
  ARRAY(
    SELECT AS STRUCT
      job,
      MAX(started_at) AS last_started_at,
      MAX(IF(outcome = 'SUCCESS', started_at, NULL)) AS last_success_at
    FROM {tenants}.scheduler_job_runs
    WHERE started_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY)
    GROUP BY job
    ORDER BY job
  ) AS jobs
