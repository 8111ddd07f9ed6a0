-- name: onboard_tenant
-- Creates a tenant: profile, live subscription and first API key, all or nothing. It fails if the tenant exists.
-- param: tenant_id STRING
-- param: company_name STRING
-- param: plan_name STRING
-- param: subscription_id STRING
-- param: daily_limit INT64
-- param: concurrent_limit INT64
-- param: api_key_id STRING
-- param: api_key_hash STRING
BEGIN TRANSACTION;

MERGE {tenants}.tenant_profiles AS profiles
USING (SELECT @tenant_id AS tenant_id) AS asked
ON profiles.tenant_id = asked.tenant_id
WHEN NOT MATCHED THEN INSERT (tenant_id, company_name, status, subscription_plan, timezone, created_at)
VALUES (@tenant_id, @company_name, 'ACTIVE', @plan_name, 'UTC', CURRENT_TIMESTAMP());

ASSERT @@row_count = 1 AS 'ALREADY_ONBOARDED';

INSERT INTO {tenants}.tenant_subscriptions (
  subscription_id, tenant_id, plan_name, status, daily_limit, concurrent_limit, starts_at, created_at
)
VALUES (
  @subscription_id, @tenant_id, @plan_name, 'ACTIVE', @daily_limit, @concurrent_limit, CURRENT_TIMESTAMP(),
  CURRENT_TIMESTAMP()
);

INSERT INTO {tenants}.tenant_api_keys (api_key_id, tenant_id, api_key_hash, is_active, created_at)
VALUES (@api_key_id, @tenant_id, @api_key_hash, TRUE, CURRENT_TIMESTAMP());

COMMIT TRANSACTION;

-- name: add_api_key
-- Adds an API key to a tenant; its other keys keep working.
-- param: tenant_id STRING
-- param: api_key_id STRING
-- param: api_key_hash STRING
{new_api_key};

-- name: rotate_api_key
-- Adds an API key and ends the other keys after the overlap, both or neither. With 0 hours they end at once.
-- param: tenant_id STRING
-- param: api_key_id STRING
-- param: api_key_hash STRING
-- param: overlap_hours INT64
BEGIN TRANSACTION;

UPDATE {tenants}.tenant_api_keys
SET
  is_active = @overlap_hours > 0,
  expires_at = LEAST(
    COALESCE(expires_at, TIMESTAMP '9999-12-31 00:00:00+00'),
    TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @overlap_hours HOUR)
  )
WHERE tenant_id = @tenant_id
  AND is_active;

{new_api_key};

ASSERT @@row_count = 1 AS 'NO_TENANT';

COMMIT TRANSACTION;

-- name: set_status
-- Suspends or resumes a tenant. A deleted tenant stays deleted.
-- param: tenant_id STRING
-- param: status STRING
UPDATE {tenants}.tenant_profiles
SET
  status = @status,
  updated_at = CURRENT_TIMESTAMP()
WHERE tenant_id = @tenant_id
  AND status IN ('ACTIVE', 'SUSPENDED')
  AND status != @status;

-- name: set_limits
-- Changes the limits of a tenant's live subscription; NULL leaves a limit as it is.
-- param: tenant_id STRING
-- param: daily_limit INT64
-- param: concurrent_limit INT64
UPDATE {tenants}.tenant_subscriptions
SET
  daily_limit = COALESCE(@daily_limit, daily_limit),
  concurrent_limit = COALESCE(@concurrent_limit, concurrent_limit),
  updated_at = CURRENT_TIMESTAMP()
WHERE tenant_id = @tenant_id
  AND status IN ('ACTIVE', 'TRIAL')
  AND COALESCE(CURRENT_TIMESTAMP() < ends_at, TRUE);

-- name: find_tenant
-- A tenant's status, the limits of its live subscription, and the number of its valid API keys.
-- param: tenant_id STRING
WITH live AS (
  {live_subscriptions}
)
SELECT
  profiles.tenant_id,
  profiles.status,
  live.daily_limit,
  live.concurrent_limit,
  (
    SELECT COUNT(*)
    FROM {tenants}.tenant_api_keys
    WHERE tenant_id = @tenant_id
      AND is_active
      AND COALESCE(CURRENT_TIMESTAMP() < expires_at, TRUE)
  ) AS api_keys
FROM {tenants}.tenant_profiles AS profiles
LEFT JOIN live ON live.tenant_id = profiles.tenant_id
WHERE profiles.tenant_id = @tenant_id
