-- A tenant as the subscription system leaves it: profile, live subscription and first API key, all or nothing.
BEGIN TRANSACTION;

ASSERT NOT EXISTS (
  SELECT 1
  FROM tenant_profiles
  WHERE tenant_id = @tenant_id
) AS 'already onboarded';

INSERT INTO tenant_profiles (tenant_id, company_name, status, subscription_plan, timezone, created_at)
VALUES (@tenant_id, @company_name, 'ACTIVE', 'STARTER', 'UTC', CURRENT_TIMESTAMP());

INSERT INTO tenant_subscriptions
  (subscription_id, tenant_id, plan_name, status, daily_limit, concurrent_limit, starts_at, created_at)
VALUES
  (@subscription_id, @tenant_id, 'STARTER', 'ACTIVE', @daily_limit, @concurrent_limit, CURRENT_TIMESTAMP(),
   CURRENT_TIMESTAMP());

INSERT INTO tenant_api_keys (api_key_id, tenant_id, api_key_hash, is_active, created_at)
VALUES (@api_key_id, @tenant_id, @api_key_hash, TRUE, CURRENT_TIMESTAMP());

COMMIT TRANSACTION;
