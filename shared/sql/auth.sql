-- name: find_key
-- Returns a row if a valid API key with this hash exists. It is used if there are more keys than memory holds.
-- param: api_key_hash STRING
SELECT api_key_hash
FROM {tenants}.tenant_api_keys
WHERE api_key_hash = @api_key_hash
  AND is_active
  AND COALESCE(CURRENT_TIMESTAMP() < expires_at, TRUE)

-- name: find_key_owner
-- The tenant that owns an API key, with the states and dates that decide whether it may call.
-- param: api_key_hash STRING
SELECT
  tenant_id,
  key_is_active,
  key_expires_at,
  tenant_status,
  subscription_status,
  subscription_starts_at,
  subscription_ends_at,
  daily_limit,
  concurrent_limit,
  read_at
FROM (
  {key_owner}
)
