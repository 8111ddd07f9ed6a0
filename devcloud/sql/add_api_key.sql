-- A further API key for a tenant that is onboarded; its other keys go on working.
INSERT INTO tenant_api_keys (api_key_id, tenant_id, api_key_hash, is_active, created_at)
SELECT
  @api_key_id,
  tenant_id,
  @api_key_hash,
  TRUE,
  CURRENT_TIMESTAMP()
FROM tenant_profiles
WHERE tenant_id = @tenant_id;
