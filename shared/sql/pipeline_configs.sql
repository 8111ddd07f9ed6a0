-- name: read_configs
-- The key's owner, the tenant's credentials, the number of its schedules, and a page of them.
-- param: api_key_hash STRING
-- param: tenant_id STRING
-- param: config_id STRING
-- param: before_created_at TIMESTAMP
-- param: before_id STRING
-- param: max_configs INT64
-- param: with_active BOOL
WITH owner AS (
  {key_owner}
),
held AS (
  {held_credentials}
),
config AS (
  SELECT
    config_id,
    tenant_id,
    provider,
    domain,
    pipeline_template,
    pipeline_id,
    cron_expression,
    timezone,
    is_active,
    TO_JSON_STRING(parameters) AS parameters,
    max_retries,
    priority,
    misfire_policy,
    overlap_policy,
    COALESCE(date_offset_days, 1) AS date_offset_days,
    next_run_time,
    created_at,
    created_by_user_id,
    updated_at,
    last_run_time,
    last_run_status
  FROM {tenants}.tenant_pipeline_configs
  WHERE tenant_id = @tenant_id
)
SELECT
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
  held.credentials,
  (SELECT COUNT(*) FROM config) AS config_count,
  ARRAY(
    SELECT AS STRUCT
      config_id, tenant_id, provider, domain, pipeline_template, pipeline_id, cron_expression, timezone, is_active,
      parameters, max_retries, priority, misfire_policy, overlap_policy, date_offset_days, next_run_time, created_at,
      created_by_user_id, updated_at, last_run_time, last_run_status
    FROM config
    WHERE (@config_id IS NULL OR config_id = @config_id)
      AND (
        @before_created_at IS NULL
        OR created_at < @before_created_at
        OR (created_at = @before_created_at AND config_id < @before_id)
      )
    ORDER BY created_at DESC, config_id DESC
    LIMIT @max_configs
  ) AS configs,
  ARRAY(
    SELECT AS STRUCT
      config_id, tenant_id, provider, domain, pipeline_template, pipeline_id, cron_expression, timezone, is_active,
      parameters, max_retries, priority, misfire_policy, overlap_policy, date_offset_days, next_run_time, created_at,
      created_by_user_id, updated_at, last_run_time, last_run_status
    FROM config
    WHERE @with_active
      AND is_active
    ORDER BY created_at, config_id
  ) AS active
FROM owner
LEFT JOIN held ON held.tenant_id = owner.tenant_id

-- name: insert_config
-- Stores a new schedule and logs it, both or neither. INSERTs cause no conflict. The job's id prevents a second
-- schedule for the same request. BigQuery forgets the id after six months; from then on the row in the table
-- prevents it.
-- param: config_id STRING
-- param: tenant_id STRING
-- param: provider STRING
-- param: domain STRING
-- param: pipeline_template STRING
-- param: pipeline_id STRING
-- param: cron_expression STRING
-- param: timezone STRING
-- param: is_active BOOL
-- param: parameters STRING
-- param: max_retries INT64
-- param: priority INT64
-- param: misfire_policy STRING
-- param: overlap_policy STRING
-- param: date_offset_days INT64
-- param: next_run_time TIMESTAMP
-- param: user_id STRING
-- param: created_at TIMESTAMP
-- param: details STRING
BEGIN TRANSACTION;

ASSERT NOT EXISTS (
  SELECT 1
  FROM {tenants}.tenant_pipeline_configs
  WHERE tenant_id = @tenant_id
    AND config_id = @config_id
) AS 'CONFIG_EXISTS';

INSERT INTO {tenants}.tenant_pipeline_configs (
  config_id, tenant_id, provider, domain, pipeline_template, pipeline_id, cron_expression, timezone, is_active,
  parameters, max_retries, priority, misfire_policy, overlap_policy, date_offset_days, next_run_time,
  created_by_user_id, created_at
)
VALUES (
  @config_id, @tenant_id, @provider, @domain, @pipeline_template, @pipeline_id, @cron_expression, @timezone,
  @is_active, PARSE_JSON(@parameters), @max_retries, @priority, @misfire_policy, @overlap_policy, @date_offset_days,
  @next_run_time, @user_id, @created_at
);

INSERT INTO {dataset}.x_meta_step_logs (log_id, tenant_id, user_id, action, provider, status, details, timestamp)
VALUES (
  CONCAT(@config_id, '-created'), @tenant_id, @user_id, 'PIPELINE_CONFIG_CREATED', @provider, 'COMPLETED',
  PARSE_JSON(@details), @created_at
);

COMMIT TRANSACTION;

-- name: update_config
-- Changes a schedule if neither its owner nor the trigger has changed it since it was read, and logs it, both or
-- neither.
-- param: config_id STRING
-- param: tenant_id STRING
-- param: provider STRING
-- param: read_updated_at TIMESTAMP
-- param: read_next_run_time TIMESTAMP
-- param: cron_expression STRING
-- param: timezone STRING
-- param: is_active BOOL
-- param: parameters STRING
-- param: max_retries INT64
-- param: priority INT64
-- param: misfire_policy STRING
-- param: overlap_policy STRING
-- param: date_offset_days INT64
-- param: next_run_time TIMESTAMP
-- param: updated_at TIMESTAMP
-- param: user_id STRING
-- param: log_id STRING
-- param: details STRING
BEGIN TRANSACTION;

UPDATE {tenants}.tenant_pipeline_configs
SET
  cron_expression = @cron_expression,
  timezone = @timezone,
  is_active = @is_active,
  parameters = PARSE_JSON(@parameters),
  max_retries = @max_retries,
  priority = @priority,
  misfire_policy = @misfire_policy,
  overlap_policy = @overlap_policy,
  date_offset_days = @date_offset_days,
  deferred_at = IF(next_run_time IS NOT DISTINCT FROM @next_run_time, deferred_at, NULL),
  next_run_time = @next_run_time,
  updated_at = @updated_at
WHERE tenant_id = @tenant_id
  AND config_id = @config_id
  AND updated_at IS NOT DISTINCT FROM @read_updated_at
  AND next_run_time IS NOT DISTINCT FROM @read_next_run_time;

ASSERT @@row_count = 1 AS 'CONFIG_CHANGED';

INSERT INTO {dataset}.x_meta_step_logs (log_id, tenant_id, user_id, action, provider, status, details, timestamp)
VALUES (
  @log_id, @tenant_id, @user_id, 'PIPELINE_CONFIG_UPDATED', @provider, 'COMPLETED', PARSE_JSON(@details), @updated_at
);

COMMIT TRANSACTION;

-- name: delete_config
-- Removes a schedule, requests the cancellation of its waiting runs and logs it, all or nothing. Returns these runs.
-- The trigger changes the same table when it queues runs, so none of its runs can be missed here.
-- param: config_id STRING
-- param: tenant_id STRING
-- param: provider STRING
-- param: read_updated_at TIMESTAMP
-- param: read_next_run_time TIMESTAMP
-- param: deleted_at TIMESTAMP
-- param: user_id STRING
-- param: details STRING
BEGIN TRANSACTION;

DELETE FROM {tenants}.tenant_pipeline_configs
WHERE tenant_id = @tenant_id
  AND config_id = @config_id
  AND updated_at IS NOT DISTINCT FROM @read_updated_at
  AND next_run_time IS NOT DISTINCT FROM @read_next_run_time;

ASSERT @@row_count = 1 AS 'CONFIG_CHANGED';

INSERT INTO {tenants}.pipeline_run_events (event_id, run_id, tenant_id, kind, outcome, occurred_at)
SELECT
  CONCAT(run_id, '-config-deleted'),
  run_id,
  tenant_id,
  'CANCEL_REQUESTED',
  'CONFIG_DELETED',
  @deleted_at
FROM {tenants}.pipeline_execution_queue
WHERE tenant_id = @tenant_id
  AND config_id = @config_id
  AND state = 'QUEUED';

INSERT INTO {dataset}.x_meta_step_logs (log_id, tenant_id, user_id, action, provider, status, details, timestamp)
VALUES (
  CONCAT(@config_id, '-deleted'), @tenant_id, @user_id, 'PIPELINE_CONFIG_DELETED', @provider, 'COMPLETED',
  PARSE_JSON(@details), @deleted_at
);

SELECT COUNT(*) AS waiting_runs
FROM {tenants}.pipeline_execution_queue
WHERE tenant_id = @tenant_id
  AND config_id = @config_id
  AND state = 'QUEUED';

COMMIT TRANSACTION;
