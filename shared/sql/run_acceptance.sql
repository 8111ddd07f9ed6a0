-- name: find_standing
-- All that the answer to a manual run depends on: the key's owner, today's usage, the queue and the credentials.
-- param: api_key_hash STRING
-- param: tenant_id STRING
-- param: manual_priority INT64
-- param: ageing_seconds INT64
WITH owner AS (
  {key_owner}
),
usage_today AS (
  SELECT
    tenant_id,
    SUM(pipelines_run_today) AS started_today
  FROM {tenants}.tenant_usage_quotas
  WHERE usage_date = CURRENT_DATE('UTC')
    AND tenant_id = @tenant_id
  GROUP BY tenant_id
),
queued_item AS (
  SELECT
    tenant_id,
    pipeline_id,
    source,
    backfill_id,
    state,
    CASE
      WHEN backfill_id IS NOT NULL THEN 'backfill'
      WHEN config_id IS NULL THEN 'manual'
      ELSE 'scheduled'
    END AS kind,
    quota_date IS NULL AS is_uncounted,
    backfill_id IS NULL
      AND available_at <= CURRENT_TIMESTAMP()
      AND aged_priority >= @manual_priority AS is_ahead
  FROM (
    {aged_queue}
  )
  WHERE tenant_id = @tenant_id
),
queued_group AS (
  SELECT
    tenant_id,
    pipeline_id,
    source,
    state,
    kind,
    is_uncounted,
    is_ahead,
    ANY_VALUE(backfill_id) AS backfill_id,
    COUNT(*) AS items
  FROM queued_item
  GROUP BY tenant_id, pipeline_id, source, state, kind, is_uncounted, is_ahead
),
queue AS (
  SELECT
    tenant_id,
    ARRAY_AGG(STRUCT(pipeline_id, source, state, kind, is_uncounted, is_ahead, backfill_id, items)) AS queued_groups
  FROM queued_group
  GROUP BY tenant_id
),
schedule AS (
  SELECT
    tenant_id,
    COUNT(*) AS schedules,
    COUNTIF(DATE(next_run_time, 'UTC') <= CURRENT_DATE('UTC')) AS due_today
  FROM {tenants}.tenant_pipeline_configs
  WHERE tenant_id = @tenant_id
    AND is_active
  GROUP BY tenant_id
),
credential AS (
  {held_credentials}
)
SELECT
  owner.api_key_id,
  owner.tenant_id,
  owner.key_is_active,
  owner.key_expires_at,
  owner.tenant_status,
  owner.subscription_status,
  owner.subscription_starts_at,
  owner.subscription_ends_at,
  owner.daily_limit,
  owner.concurrent_limit,
  owner.read_at,
  COALESCE(usage_today.started_today, 0) AS started_today,
  COALESCE(schedule.schedules, 0) AS schedules,
  COALESCE(schedule.due_today, 0) AS due_today,
  queue.queued_groups,
  credential.credentials
FROM owner
LEFT JOIN usage_today ON usage_today.tenant_id = owner.tenant_id
LEFT JOIN queue ON queue.tenant_id = owner.tenant_id
LEFT JOIN schedule ON schedule.tenant_id = owner.tenant_id
LEFT JOIN credential ON credential.tenant_id = owner.tenant_id

-- name: accept_runs
-- Inserts a run, or all runs of a backfill, into the tenant's run log and the queue, in one transaction.
-- `runs` is a JSON array of objects with run_id, parameters and position.
-- Order: a run's position is added to scheduled_time and subtracted from created_at, in microseconds. The queue is read
-- oldest first and the run log newest first, so both show the first run first.
-- Once: BigQuery accepts the job's id once. It forgets the id after six months. From then on, the row in the run log
-- makes the statement fail. A column raises that error, because an ASSERT would be one more statement for which the
-- user waits.
-- param: request_id STRING
-- param: backfill_id STRING
-- param: runs STRING
-- param: tenant_id STRING
-- param: provider STRING
-- param: domain STRING
-- param: pipeline_template STRING
-- param: pipeline_id STRING
-- param: source STRING
-- param: trigger_by STRING
-- param: user_id STRING
-- param: retry_of STRING
-- param: status STRING
-- param: wait_reason STRING
-- param: priority INT64
-- param: max_retries INT64
-- param: accepted_at TIMESTAMP
BEGIN TRANSACTION;

INSERT INTO {dataset}.x_meta_pipeline_runs (
  pipeline_logging_id, tenant_id, run_id, pipeline_id, user_id, trigger_type, trigger_by, status, parameters,
  retry_of, backfill_id, created_at
)
SELECT
  IF(
    EXISTS (
      SELECT 1
      FROM {dataset}.x_meta_pipeline_runs
      WHERE backfill_id = @request_id
        OR pipeline_logging_id = @request_id
    ),
    ERROR('Refused: RUN_EXISTS'),
    JSON_VALUE(run, '$.run_id')
  ) AS pipeline_logging_id,
  @tenant_id AS tenant_id,
  JSON_VALUE(run, '$.run_id') AS run_id,
  @pipeline_id AS pipeline_id,
  @user_id AS user_id,
  'api' AS trigger_type,
  @trigger_by AS trigger_by,
  @status AS status,
  PARSE_JSON(JSON_QUERY(run, '$.parameters')) AS parameters,
  @retry_of AS retry_of,
  @backfill_id AS backfill_id,
  TIMESTAMP_SUB(@accepted_at, INTERVAL CAST(JSON_VALUE(run, '$.position') AS INT64) MICROSECOND) AS created_at
FROM UNNEST(JSON_QUERY_ARRAY(@runs)) AS run;

INSERT INTO {tenants}.pipeline_execution_queue (
  run_id, tenant_id, provider, domain, pipeline_template, pipeline_id, source, backfill_id, pipeline_logging_id,
  trigger_type, trigger_by, state, priority, scheduled_time, available_at, added_at, attempt, hop, max_retries,
  parameters, user_id, wait_reason
)
SELECT
  JSON_VALUE(run, '$.run_id') AS run_id,
  @tenant_id AS tenant_id,
  @provider AS provider,
  @domain AS domain,
  @pipeline_template AS pipeline_template,
  @pipeline_id AS pipeline_id,
  @source AS source,
  @backfill_id AS backfill_id,
  JSON_VALUE(run, '$.run_id') AS pipeline_logging_id,
  'api' AS trigger_type,
  @trigger_by AS trigger_by,
  'QUEUED' AS state,
  @priority AS priority,
  TIMESTAMP_ADD(@accepted_at, INTERVAL CAST(JSON_VALUE(run, '$.position') AS INT64) MICROSECOND) AS scheduled_time,
  @accepted_at AS available_at,
  @accepted_at AS added_at,
  0 AS attempt,
  0 AS hop,
  @max_retries AS max_retries,
  PARSE_JSON(JSON_QUERY(run, '$.parameters')) AS parameters,
  @user_id AS user_id,
  @wait_reason AS wait_reason
FROM UNNEST(JSON_QUERY_ARRAY(@runs)) AS run;

COMMIT TRANSACTION;
