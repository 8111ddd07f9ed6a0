-- name: list_encrypted_otherwise
-- Every credential that a version of the key other than kms_key_version encrypted.
-- param: kms_key_version STRING
SELECT
  credential_id,
  tenant_id,
  provider,
  credential_kind,
  encrypted_credentials,
  kms_key_version
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
