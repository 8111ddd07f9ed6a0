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
-- The live subscription of each tenant: the newest of those that have begun and have not ended. The function
-- _has_live_subscription of shared/domain/requests/auth.py has the same rule.
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
-- The tenant that owns an API key, with its profile and its live subscription, or else its newest one. Which one is
-- live: see live_subscriptions.
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
SELECT @api_key_id, tenant_id, @api_key_hash, TRUE, CURRENT_TIMESTAMP()
FROM {tenants}.tenant_profiles
WHERE tenant_id = @tenant_id

-- name: cancel_request
-- One row or more if the run's cancellation is requested.
-- param: run_id STRING
-- param: tenant_id STRING
SELECT 1
FROM {tenants}.pipeline_run_events
WHERE run_id = @run_id
  AND tenant_id = @tenant_id
  AND kind = 'CANCEL_REQUESTED'
  AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)

-- name: fence_tokens
-- The fence of this pipeline and source: the token of each attempt that began.
-- param: pipeline_id STRING
-- param: source STRING
SELECT
  token,
  lease_id,
  watermark
FROM {dataset}.x_meta_publish_fence
WHERE pipeline_id = @pipeline_id
  AND source = @source

-- name: summary_complete
-- Whether focus_cost_daily has all published charges: the tenant's last publish says so. A publish of a release without
-- that table says nothing, so then it has not. Before the first publish there are no charges.
SELECT
  COALESCE(
    ARRAY_AGG(COALESCE(summary_complete, FALSE) ORDER BY COALESCE(turn, 0) DESC, completed_at DESC LIMIT 1)[SAFE_OFFSET(0)],
    TRUE
  )
FROM {dataset}.x_meta_pipeline_runs
WHERE status = 'COMPLETED'

-- name: held_credentials
-- The providers for which a tenant has a credential, each with the credential's source, as one row.
-- param: tenant_id STRING
SELECT
  tenant_id,
  ARRAY_AGG(STRUCT(provider, source)) AS credentials
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
GROUP BY tenant_id

-- name: aged_queue
-- The queue with each item's aged priority: the priority rises by one in each ageing step, except that of a
-- backfill's runs. The function aged_order of shared/domain/dispatching/next_starts.py has the same rule.
-- param: ageing_seconds INT64
SELECT
  run_id,
  tenant_id,
  pipeline_id,
  pipeline_logging_id,
  source,
  config_id,
  backfill_id,
  state,
  trigger_type,
  trigger_by,
  user_id,
  parameters,
  scheduled_time,
  available_at,
  added_at,
  attempt,
  quota_date,
  processing_started_at,
  wait_reason,
  priority + IF(
    backfill_id IS NULL,
    DIV(GREATEST(TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), added_at, SECOND), 0), @ageing_seconds),
    0
  ) AS aged_priority
FROM {tenants}.pipeline_execution_queue

-- name: changed_days
-- The published days that a run changed, one row for each run, table, source, day and currency. The log also has days
-- that were published again with the same number of rows and the same cost. They are no changes.
SELECT
  pipeline_logging_id,
  table_name,
  source,
  usage_date,
  rows_before,
  rows_after,
  cost_before,
  cost_after,
  billing_currency,
  restated_at
FROM {dataset}.x_meta_restatements
WHERE COALESCE(rows_after, 0) != COALESCE(rows_before, 0)
  OR COALESCE(cost_after, 0) != COALESCE(cost_before, 0)
