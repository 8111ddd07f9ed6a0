-- name: find_key
-- Whether there is such an API key that may be used; alone, for where more keys exist than memory holds.
-- param: api_key_hash STRING
SELECT api_key_hash
FROM {tenants}.tenant_api_keys
WHERE api_key_hash = @api_key_hash
  AND is_active
  AND COALESCE(CURRENT_TIMESTAMP() < expires_at, TRUE)

-- name: find_key_owner
-- The tenant behind an API key, with its profile and the subscription that counts: the live one, else the newest.
-- param: api_key_hash STRING
WITH api_key AS (
  SELECT
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
