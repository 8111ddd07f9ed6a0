-- name: list_credentials
-- A tenant's credentials by provider, without their secrets.
-- param: tenant_id STRING
SELECT
  provider,
  credential_kind,
  created_by_user_id,
  updated_by_user_id,
  created_at,
  updated_at,
  source
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
ORDER BY provider

-- name: find_credential
-- A tenant's encrypted credential for one provider.
-- param: tenant_id STRING
-- param: provider STRING
SELECT
  credential_id,
  tenant_id,
  provider,
  credential_kind,
  encrypted_credentials,
  kms_key_version,
  source
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider

-- name: list_other_sources
-- The other sources of this provider whose rows the tenant's runs have published, the latest first.
-- param: prefix STRING
-- param: source STRING
SELECT
  source,
  MAX(completed_at) AS published_at
FROM {dataset}.x_meta_pipeline_runs
WHERE status = 'COMPLETED'
  AND rows_published > 0
  AND source != @source
  AND STARTS_WITH(source, @prefix)
GROUP BY source
ORDER BY published_at DESC
LIMIT 5

-- name: list_schedules_of_provider
-- A tenant's active schedules whose runs need a credential for this provider, the oldest first.
-- param: tenant_id STRING
-- param: provider STRING
SELECT
  config_id,
  pipeline_id,
  TO_JSON_STRING(parameters) AS parameters
FROM {tenants}.tenant_pipeline_configs
WHERE tenant_id = @tenant_id
  AND UPPER(provider) = @provider
  AND is_active
ORDER BY
  created_at,
  config_id

-- name: insert_credential
-- Stores a credential if the tenant has none, and logs it, both or neither. Returns whether it was stored.
-- param: credential_id STRING
-- param: tenant_id STRING
-- param: provider STRING
-- param: credential_kind STRING
-- param: source STRING
-- param: encrypted_credentials BYTES
-- param: kms_key_version STRING
-- param: user_id STRING
-- param: log_id STRING
BEGIN TRANSACTION;

INSERT INTO {tenants}.tenant_cloud_credentials (
  credential_id, tenant_id, provider, credential_kind, source, encrypted_credentials, kms_key_version,
  created_by_user_id, created_at
)
SELECT
  @credential_id, @tenant_id, @provider, @credential_kind, @source, @encrypted_credentials, @kms_key_version,
  @user_id, CURRENT_TIMESTAMP()
FROM UNNEST([1])
WHERE NOT EXISTS (
  SELECT 1
  FROM {tenants}.tenant_cloud_credentials AS stored
  WHERE stored.tenant_id = @tenant_id
    AND stored.provider = @provider
);

-- The ciphertext shows whether this call inserted the row, because no two encryptions are equal.
INSERT INTO {dataset}.x_meta_step_logs (log_id, tenant_id, user_id, action, provider, status, timestamp)
SELECT @log_id, tenant_id, @user_id, 'CREDENTIAL_ADDED', provider, 'COMPLETED', CURRENT_TIMESTAMP()
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider
  AND encrypted_credentials = @encrypted_credentials;

SELECT COUNT(*) AS changed
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider
  AND encrypted_credentials = @encrypted_credentials;

COMMIT TRANSACTION;

-- name: update_credential
-- Replaces an existing credential and logs it, both or neither. Returns whether it was replaced.
-- param: tenant_id STRING
-- param: provider STRING
-- param: credential_kind STRING
-- param: source STRING
-- param: encrypted_credentials BYTES
-- param: kms_key_version STRING
-- param: user_id STRING
-- param: log_id STRING
BEGIN TRANSACTION;

UPDATE {tenants}.tenant_cloud_credentials
SET
  credential_kind = @credential_kind,
  source = @source,
  encrypted_credentials = @encrypted_credentials,
  kms_key_version = @kms_key_version,
  updated_by_user_id = @user_id,
  updated_at = CURRENT_TIMESTAMP()
WHERE tenant_id = @tenant_id
  AND provider = @provider;

INSERT INTO {dataset}.x_meta_step_logs (log_id, tenant_id, user_id, action, provider, status, timestamp)
SELECT @log_id, tenant_id, @user_id, 'CREDENTIAL_UPDATED', provider, 'COMPLETED', CURRENT_TIMESTAMP()
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider;

SELECT COUNT(*) AS changed
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider;

COMMIT TRANSACTION;

-- name: delete_credential
-- Removes a credential and logs it, both or neither. Returns whether there was one.
-- param: tenant_id STRING
-- param: provider STRING
-- param: user_id STRING
-- param: log_id STRING
BEGIN TRANSACTION;

SELECT COUNT(*) AS changed
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider;

INSERT INTO {dataset}.x_meta_step_logs (log_id, tenant_id, user_id, action, provider, status, timestamp)
SELECT @log_id, tenant_id, @user_id, 'CREDENTIAL_DELETED', provider, 'COMPLETED', CURRENT_TIMESTAMP()
FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider;

DELETE FROM {tenants}.tenant_cloud_credentials
WHERE tenant_id = @tenant_id
  AND provider = @provider;

COMMIT TRANSACTION;

-- name: list_encrypted_otherwise
-- Lists the credentials that are not encrypted by the version kms_key_version of the key.
-- param: kms_key_version STRING
SELECT
  credential_id,
  tenant_id,
  provider,
  credential_kind,
  encrypted_credentials,
  kms_key_version,
  source
FROM {tenants}.tenant_cloud_credentials
WHERE kms_key_version != @kms_key_version
ORDER BY tenant_id, provider

-- name: replace_ciphertexts
-- Replaces ciphertexts that have not changed since they were read. A credential that its tenant replaced meanwhile
-- stays.
-- param: replacements STRING
UPDATE {tenants}.tenant_cloud_credentials AS stored
SET
  encrypted_credentials = replacement.encrypted_credentials,
  kms_key_version = replacement.kms_key_version,
  updated_at = CURRENT_TIMESTAMP()
FROM (
  SELECT
    JSON_VALUE(item, '$.tenant_id') AS tenant_id,
    JSON_VALUE(item, '$.provider') AS provider,
    FROM_BASE64(JSON_VALUE(item, '$.before')) AS before,
    FROM_BASE64(JSON_VALUE(item, '$.after')) AS encrypted_credentials,
    JSON_VALUE(item, '$.kms_key_version') AS kms_key_version
  FROM UNNEST(JSON_QUERY_ARRAY(@replacements)) AS item
) AS replacement
WHERE stored.tenant_id = replacement.tenant_id
  AND stored.provider = replacement.provider
  AND stored.encrypted_credentials = replacement.before
