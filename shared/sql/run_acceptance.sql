-- name: find_standing
-- Everything the answer to a manual run depends on: the key's owner, today's usage, the queue and the credentials.
-- param: api_key_hash STRING
-- param: tenant_id STRING
-- param: manual_priority INT64
-- param: ageing_seconds INT64
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
    tenant_id,
    status,
    starts_at,
    ends_at,
    daily_limit,
    concurrent_limit
  FROM {tenants}.tenant_subscriptions
  WHERE tenant_id = @tenant_id
  QUALIFY ROW_NUMBER() OVER (
    ORDER BY
      status IN ('ACTIVE', 'TRIAL')
        AND COALESCE(starts_at <= CURRENT_TIMESTAMP(), TRUE)
        AND COALESCE(CURRENT_TIMESTAMP() < ends_at, TRUE) DESC,
      created_at DESC
  ) = 1
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
      AND priority + DIV(GREATEST(TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), added_at, SECOND), 0), @ageing_seconds)
        >= @manual_priority AS is_ahead
  FROM {tenants}.pipeline_execution_queue
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
held AS (
  SELECT
    tenant_id,
    ARRAY_AGG(STRUCT(provider, source)) AS credentials
  FROM {tenants}.tenant_cloud_credentials
  WHERE tenant_id = @tenant_id
  GROUP BY tenant_id
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
  CURRENT_TIMESTAMP() AS read_at,
  COALESCE(usage_today.started_today, 0) AS started_today,
  COALESCE(schedule.schedules, 0) AS schedules,
  COALESCE(schedule.due_today, 0) AS due_today,
  queue.queued_groups,
  held.credentials
FROM api_key
LEFT JOIN {tenants}.tenant_profiles AS profiles
  ON profiles.tenant_id = api_key.tenant_id AND profiles.tenant_id = @tenant_id
LEFT JOIN subscription ON subscription.tenant_id = api_key.tenant_id
LEFT JOIN usage_today ON usage_today.tenant_id = api_key.tenant_id
LEFT JOIN queue ON queue.tenant_id = api_key.tenant_id
LEFT JOIN schedule ON schedule.tenant_id = api_key.tenant_id
LEFT JOIN held ON held.tenant_id = api_key.tenant_id

-- name: accept_runs
-- A run, or a backfill's runs, enter the tenant's run log and the queue, all or none; INSERTs alone conflict with nothing.
-- `runs` is a JSON array of their ids, parameters and places in the order, a microsecond each: the run log lists the
-- newest first, the queue begins with the earliest scheduled_time. The id of the job keeps requests apart, but BigQuery
-- forgets it after six months: then the run log knows.
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
  ),
  @tenant_id,
  JSON_VALUE(run, '$.run_id'),
  @pipeline_id,
  @user_id,
  'api',
  @trigger_by,
  @status,
  PARSE_JSON(JSON_QUERY(run, '$.parameters')),
  @retry_of,
  @backfill_id,
  TIMESTAMP_SUB(@accepted_at, INTERVAL CAST(JSON_VALUE(run, '$.position') AS INT64) MICROSECOND)
FROM UNNEST(JSON_QUERY_ARRAY(@runs)) AS run;

INSERT INTO {tenants}.pipeline_execution_queue (
  run_id, tenant_id, provider, domain, pipeline_template, pipeline_id, source, backfill_id, pipeline_logging_id,
  trigger_type, trigger_by, state, priority, scheduled_time, available_at, added_at, attempt, hop, max_retries,
  parameters, user_id, wait_reason
)
SELECT
  JSON_VALUE(run, '$.run_id'),
  @tenant_id,
  @provider,
  @domain,
  @pipeline_template,
  @pipeline_id,
  @source,
  @backfill_id,
  JSON_VALUE(run, '$.run_id'),
  'api',
  @trigger_by,
  'QUEUED',
  @priority,
  TIMESTAMP_ADD(@accepted_at, INTERVAL CAST(JSON_VALUE(run, '$.position') AS INT64) MICROSECOND),
  @accepted_at,
  @accepted_at,
  0,
  0,
  @max_retries,
  PARSE_JSON(JSON_QUERY(run, '$.parameters')),
  @user_id,
  @wait_reason
FROM UNNEST(JSON_QUERY_ARRAY(@runs)) AS run;

COMMIT TRANSACTION;
