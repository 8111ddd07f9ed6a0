-- name: read_due
-- Every due schedule with its tenant's status and limits, as one row, and the time of the read.
WITH due AS (
  SELECT
    config_id,
    tenant_id,
    provider,
    domain,
    pipeline_template,
    cron_expression,
    timezone,
    next_run_time,
    misfire_policy,
    overlap_policy,
    COALESCE(date_offset_days, 1) AS date_offset_days,
    TO_JSON_STRING(parameters) AS parameters,
    deferred_at
  FROM {tenants}.tenant_pipeline_configs
  WHERE is_active
    AND next_run_time <= CURRENT_TIMESTAMP()
),
subscription AS (
  {live_subscriptions}
),
usage_today AS (
  SELECT
    tenant_id,
    SUM(pipelines_run_today) AS started_today
  FROM {tenants}.tenant_usage_quotas
  WHERE usage_date = CURRENT_DATE('UTC')
  GROUP BY tenant_id
),
-- Scheduled runs that wait for their first start use up the day's limit before any new tick.
waiting AS (
  SELECT
    tenant_id,
    COUNTIF(config_id IS NOT NULL AND quota_date IS NULL) AS uncounted_runs,
    COUNTIF(state = 'QUEUED') AS waiting_runs
  FROM {tenants}.pipeline_execution_queue
  GROUP BY tenant_id
),
unfinished AS (
  SELECT DISTINCT config_id
  FROM {tenants}.pipeline_execution_queue
  WHERE config_id IS NOT NULL
),
schedule AS (
  SELECT
    due.config_id,
    due.tenant_id,
    due.provider,
    due.domain,
    due.pipeline_template,
    due.cron_expression,
    due.timezone,
    due.next_run_time,
    due.misfire_policy,
    due.overlap_policy,
    due.date_offset_days,
    due.parameters,
    due.deferred_at,
    COALESCE(profiles.status = 'ACTIVE', FALSE) AS is_tenant_active,
    subscription.tenant_id IS NOT NULL AS is_subscription_live,
    COALESCE(subscription.daily_limit, 0) AS daily_limit,
    COALESCE(usage_today.started_today, 0) + COALESCE(waiting.uncounted_runs, 0) AS taken_today,
    COALESCE(waiting.waiting_runs, 0) AS waiting_runs,
    unfinished.config_id IS NOT NULL AS has_unfinished_run,
    credentials.source AS credential_source
  FROM due
  LEFT JOIN {tenants}.tenant_profiles AS profiles ON profiles.tenant_id = due.tenant_id
  LEFT JOIN subscription ON subscription.tenant_id = due.tenant_id
  LEFT JOIN usage_today ON usage_today.tenant_id = due.tenant_id
  LEFT JOIN waiting ON waiting.tenant_id = due.tenant_id
  LEFT JOIN unfinished ON unfinished.config_id = due.config_id
  LEFT JOIN {tenants}.tenant_cloud_credentials AS credentials
    ON credentials.tenant_id = due.tenant_id
    AND credentials.provider = UPPER(due.provider)
)
SELECT
  CURRENT_TIMESTAMP() AS now,
  ARRAY(
    SELECT AS STRUCT
      config_id, tenant_id, provider, domain, pipeline_template, cron_expression, timezone, next_run_time,
      misfire_policy, overlap_policy, date_offset_days, parameters, deferred_at, is_tenant_active,
      is_subscription_live, daily_limit, taken_today, waiting_runs, has_unfinished_run, credential_source
    FROM schedule
    ORDER BY config_id
  ) AS schedules

-- name: apply_plans
-- Moves each schedule from the tick that was read to the next one, in one transaction. For each schedule that it
-- moved it records the outcome of every tick and queues its runs. It leaves a tick alone that another trigger has
-- moved, or that has an outcome. So a tick does not run again if next_run_time is set back.
-- param: now TIMESTAMP
-- param: oldest_tick TIMESTAMP
-- param: plans STRING
-- param: outcomes STRING
BEGIN TRANSACTION;

CREATE TEMP TABLE planned AS
SELECT
  JSON_VALUE(plan, '$.config_id') AS config_id,
  CAST(JSON_VALUE(plan, '$.moves_from') AS TIMESTAMP) AS moves_from,
  CAST(JSON_VALUE(plan, '$.next_run_time') AS TIMESTAMP) AS next_run_time,
  CAST(JSON_VALUE(plan, '$.is_active') AS BOOL) AS is_active,
  CAST(JSON_VALUE(plan, '$.is_deferred') AS BOOL) AS is_deferred,
  CAST(JSON_VALUE(plan, '$.is_skipped') AS BOOL) AS is_skipped
FROM UNNEST(JSON_QUERY_ARRAY(@plans)) AS plan;

CREATE TEMP TABLE moved AS
SELECT
  planned.config_id,
  planned.moves_from,
  planned.next_run_time,
  planned.is_active,
  planned.is_deferred,
  planned.is_skipped,
  configs.tenant_id,
  configs.provider,
  configs.domain,
  configs.pipeline_template,
  configs.pipeline_id,
  configs.priority,
  configs.max_retries
FROM planned
JOIN {tenants}.tenant_pipeline_configs AS configs
  ON configs.config_id = planned.config_id
  AND configs.next_run_time = planned.moves_from
WHERE configs.is_active;

CREATE TEMP TABLE decided AS
SELECT
  JSON_VALUE(outcome, '$.run_id') AS run_id,
  JSON_VALUE(outcome, '$.config_id') AS config_id,
  CAST(JSON_VALUE(outcome, '$.first_tick') AS TIMESTAMP) AS first_tick,
  CAST(JSON_VALUE(outcome, '$.last_tick') AS TIMESTAMP) AS last_tick,
  CAST(JSON_VALUE(outcome, '$.tick_count') AS INT64) AS tick_count,
  JSON_VALUE(outcome, '$.skip_reason') AS skip_reason,
  JSON_VALUE(outcome, '$.source') AS source,
  JSON_QUERY(outcome, '$.parameters') AS parameters
FROM UNNEST(JSON_QUERY_ARRAY(@outcomes)) AS outcome
LEFT JOIN (
  SELECT DISTINCT run_id
  FROM {tenants}.scheduled_pipeline_runs
  WHERE created_at >= @oldest_tick
) AS known ON known.run_id = JSON_VALUE(outcome, '$.run_id')
WHERE known.run_id IS NULL;

UPDATE {tenants}.tenant_pipeline_configs AS configs
SET
  next_run_time = moved.next_run_time,
  is_active = moved.is_active,
  deferred_at = IF(moved.is_deferred, @now, NULL),
  last_run_time = IF(moved.is_skipped, @now, configs.last_run_time),
  last_run_status = IF(moved.is_skipped, 'SKIPPED', configs.last_run_status)
FROM moved
WHERE configs.config_id = moved.config_id
  AND configs.tenant_id = moved.tenant_id
  AND configs.next_run_time = moved.moves_from;

INSERT INTO {tenants}.scheduled_pipeline_runs (
  run_id,
  config_id,
  tenant_id,
  pipeline_id,
  state,
  scheduled_time,
  first_tick,
  last_tick,
  tick_count,
  pipeline_logging_id,
  parameters,
  retry_count,
  max_retries,
  outcome_reason,
  created_at,
  completed_at
)
SELECT
  decided.run_id,
  decided.config_id,
  moved.tenant_id,
  moved.pipeline_id,
  IF(decided.skip_reason IS NULL, 'PENDING', 'SKIPPED'),
  decided.last_tick,
  decided.first_tick,
  decided.last_tick,
  decided.tick_count,
  IF(decided.skip_reason IS NULL, decided.run_id, NULL),
  PARSE_JSON(decided.parameters),
  0,
  moved.max_retries,
  decided.skip_reason,
  @now,
  IF(decided.skip_reason IS NULL, NULL, @now)
FROM decided
JOIN moved ON moved.config_id = decided.config_id;

INSERT INTO {tenants}.pipeline_execution_queue (
  run_id,
  tenant_id,
  provider,
  domain,
  pipeline_template,
  pipeline_id,
  source,
  config_id,
  pipeline_logging_id,
  trigger_type,
  trigger_by,
  state,
  priority,
  scheduled_time,
  available_at,
  added_at,
  attempt,
  hop,
  max_retries,
  parameters
)
SELECT
  decided.run_id,
  moved.tenant_id,
  moved.provider,
  moved.domain,
  moved.pipeline_template,
  moved.pipeline_id,
  decided.source,
  decided.config_id,
  decided.run_id,
  'scheduler',
  'cloud_scheduler',
  'QUEUED',
  moved.priority,
  decided.last_tick,
  @now,
  @now,
  0,
  0,
  moved.max_retries,
  PARSE_JSON(decided.parameters)
FROM decided
JOIN moved ON moved.config_id = decided.config_id
WHERE decided.skip_reason IS NULL;

COMMIT TRANSACTION;

SELECT config_id
FROM moved
ORDER BY config_id
