-- name: newest_rules
-- A tenant's rules. If two requests stored the same rule at the same moment, the newest counts.
-- param: tenant_id STRING
SELECT
  rule,
  rule_id,
  TO_JSON_STRING(settings) AS settings,
  encrypted_secret,
  set_at,
  set_by_user_id
FROM {tenants}.alert_rules
WHERE tenant_id = @tenant_id
QUALIFY ROW_NUMBER() OVER (PARTITION BY rule ORDER BY set_at DESC, rule_id) = 1

-- name: set_rule
-- Stores a rule in place of the tenant's earlier one.
-- param: tenant_id STRING
-- param: rule STRING
-- param: rule_id STRING
-- param: settings STRING
-- param: encrypted_secret BYTES
-- param: kms_key_version STRING
-- param: user_id STRING
BEGIN TRANSACTION;

DELETE FROM {tenants}.alert_rules
WHERE tenant_id = @tenant_id
  AND rule = @rule;

INSERT INTO {tenants}.alert_rules (
  tenant_id, rule, rule_id, settings, encrypted_secret, kms_key_version, set_by_user_id, set_at
)
VALUES (
  @tenant_id, @rule, @rule_id, PARSE_JSON(@settings), @encrypted_secret, @kms_key_version, @user_id,
  CURRENT_TIMESTAMP()
);

COMMIT TRANSACTION;

-- name: remove_rule
-- Removes a rule of a tenant, with the secret if it has one.
-- param: tenant_id STRING
-- param: rule STRING
DELETE FROM {tenants}.alert_rules
WHERE tenant_id = @tenant_id
  AND rule = @rule

-- name: list_secrets_encrypted_otherwise
-- Every webhook's secret that a version of the key other than kms_key_version encrypted.
-- param: kms_key_version STRING
SELECT
  tenant_id,
  rule_id,
  encrypted_secret,
  kms_key_version
FROM {tenants}.alert_rules
WHERE rule = 'webhook'
  AND kms_key_version != @kms_key_version
ORDER BY tenant_id, rule_id

-- name: replace_secrets
-- Replaces secrets that have not changed since they were read. A webhook that its tenant set again meanwhile has
-- another rule_id and stays.
-- param: replacements STRING
UPDATE {tenants}.alert_rules AS stored
SET
  encrypted_secret = replacement.encrypted_secret,
  kms_key_version = replacement.kms_key_version
FROM (
  SELECT
    JSON_VALUE(item, '$.tenant_id') AS tenant_id,
    JSON_VALUE(item, '$.rule_id') AS rule_id,
    FROM_BASE64(JSON_VALUE(item, '$.before')) AS before,
    FROM_BASE64(JSON_VALUE(item, '$.after')) AS encrypted_secret,
    JSON_VALUE(item, '$.kms_key_version') AS kms_key_version
  FROM UNNEST(JSON_QUERY_ARRAY(@replacements)) AS item
) AS replacement
WHERE stored.tenant_id = replacement.tenant_id
  AND stored.rule_id = replacement.rule_id
  AND stored.encrypted_secret = replacement.before

-- name: read_alerts
-- A tenant's rules, its last evaluation, its latest alerts with their state, and its latest messages with their
-- delivery, as one row.
-- param: tenant_id STRING
-- param: days INT64
-- param: most_alerts INT64
-- param: most_messages INT64
WITH event AS (
  SELECT
    kind,
    number,
    alert_id,
    message_id,
    TO_JSON_STRING(details) AS details,
    occurred_at
  FROM {tenants}.alert_events
  WHERE tenant_id = @tenant_id
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @days DAY)
),
changed AS (
  SELECT
    alert_id,
    kind,
    occurred_at
  FROM event
  WHERE kind IN ('RESOLVED', 'REOPENED')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY alert_id ORDER BY number DESC) = 1
),
attempted AS (
  SELECT
    message_id,
    number,
    details,
    occurred_at
  FROM event
  WHERE kind = 'ATTEMPTED'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id ORDER BY number DESC, occurred_at DESC) = 1
)
SELECT
  CURRENT_TIMESTAMP() AS read_at,
  ARRAY(
    SELECT AS STRUCT rule, rule_id, settings, set_at, set_by_user_id
    FROM (
      {newest_rules}
    )
    ORDER BY rule
  ) AS rules,
  ARRAY(
    SELECT AS STRUCT number, details, occurred_at
    FROM event
    WHERE kind = 'EVALUATED'
    ORDER BY number DESC
    LIMIT 1
  ) AS evaluations,
  ARRAY(
    SELECT AS STRUCT
      fired.alert_id,
      fired.message_id,
      fired.details,
      fired.occurred_at AS fired_at,
      IF(changed.kind = 'RESOLVED', changed.occurred_at, NULL) AS resolved_at
    FROM event AS fired
    LEFT JOIN changed ON changed.alert_id = fired.alert_id
    WHERE fired.kind = 'FIRED'
    ORDER BY fired.occurred_at DESC, fired.alert_id
    LIMIT @most_alerts
  ) AS alerts,
  ARRAY(
    SELECT AS STRUCT
      message.message_id,
      message.details,
      message.occurred_at AS created_at,
      attempted.number AS attempts,
      attempted.details AS attempt,
      attempted.occurred_at AS attempted_at
    FROM event AS message
    LEFT JOIN attempted ON attempted.message_id = message.message_id
    WHERE message.kind = 'MESSAGE'
    ORDER BY message.occurred_at DESC, message.message_id
    LIMIT @most_messages
  ) AS messages

-- name: append_events
-- Appends the events of one evaluation, all or none. The job's id is the number of the evaluation, so BigQuery accepts
-- each number once. `events` is a JSON array of rows.
-- param: tenant_id STRING
-- param: events STRING
INSERT INTO {tenants}.alert_events (
  event_id, tenant_id, kind, number, alert_id, message_id, details, body, occurred_at
)
SELECT
  JSON_VALUE(event, '$.event_id'),
  @tenant_id,
  JSON_VALUE(event, '$.kind'),
  CAST(JSON_VALUE(event, '$.number') AS INT64),
  JSON_VALUE(event, '$.alert_id'),
  JSON_VALUE(event, '$.message_id'),
  PARSE_JSON(JSON_VALUE(event, '$.details')),
  JSON_VALUE(event, '$.body'),
  CAST(JSON_VALUE(event, '$.occurred_at') AS TIMESTAMP)
FROM UNNEST(JSON_QUERY_ARRAY(@events)) AS event

-- name: read_message
-- A message of a tenant with its attempts so far, and the webhook as it is now.
-- param: tenant_id STRING
-- param: message_id STRING
-- param: days INT64
WITH event AS (
  SELECT
    kind,
    number,
    TO_JSON_STRING(details) AS details,
    body
  FROM {tenants}.alert_events
  WHERE tenant_id = @tenant_id
    AND message_id = @message_id
    AND kind IN ('MESSAGE', 'ATTEMPTED')
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @days DAY)
)
SELECT
  ARRAY(
    SELECT AS STRUCT details, body
    FROM event
    WHERE kind = 'MESSAGE'
    LIMIT 1
  ) AS messages,
  ARRAY(
    SELECT AS STRUCT number, details
    FROM event
    WHERE kind = 'ATTEMPTED'
    ORDER BY number
    LIMIT 100
  ) AS attempts,
  ARRAY(
    SELECT AS STRUCT rule, rule_id, settings, encrypted_secret
    FROM (
      {newest_rules}
    )
    WHERE rule = 'webhook'
  ) AS webhooks

-- name: read_forgotten
-- What the tasks of alerts have left undone, over all tenants: tenants whose runs were published after the last
-- evaluation of their rules began, and messages that were neither sent nor given up. Each is some time old, because
-- tasks usually come first.
-- param: days INT64
-- param: margin_minutes INT64
-- param: skew_seconds INT64
WITH evaluated AS (
  SELECT
    tenant_id,
    MAX(occurred_at) AS read_at
  FROM {tenants}.alert_events
  WHERE kind = 'EVALUATED'
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @days DAY)
  GROUP BY tenant_id
),
published AS (
  SELECT
    tenant_id,
    MAX(occurred_at) AS published_at
  FROM {tenants}.pipeline_run_events
  WHERE kind = 'SUCCEEDED'
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @days DAY)
  GROUP BY tenant_id
),
attempted AS (
  SELECT
    tenant_id,
    message_id,
    MAX(occurred_at) AS attempted_at,
    LOGICAL_OR(JSON_VALUE(details, '$.outcome') IN ('DELIVERED', 'GIVEN_UP')) AS is_over
  FROM {tenants}.alert_events
  WHERE kind = 'ATTEMPTED'
    AND occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @days DAY)
  GROUP BY tenant_id, message_id
)
SELECT
  ARRAY(
    SELECT DISTINCT rules.tenant_id
    FROM {tenants}.alert_rules AS rules
    JOIN published ON published.tenant_id = rules.tenant_id
    LEFT JOIN evaluated ON evaluated.tenant_id = rules.tenant_id
    WHERE rules.rule IN ('budget', 'anomalies')
      AND published.published_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @margin_minutes MINUTE)
      AND (
        evaluated.read_at IS NULL
        OR published.published_at > TIMESTAMP_SUB(evaluated.read_at, INTERVAL @skew_seconds SECOND)
      )
  ) AS tenants,
  ARRAY(
    SELECT AS STRUCT message.tenant_id, message.message_id
    FROM {tenants}.alert_events AS message
    LEFT JOIN attempted
      ON attempted.tenant_id = message.tenant_id
        AND attempted.message_id = message.message_id
    WHERE message.kind = 'MESSAGE'
      AND message.occurred_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @days DAY)
      AND NOT COALESCE(attempted.is_over, FALSE)
      AND COALESCE(attempted.attempted_at, message.occurred_at)
        < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @margin_minutes MINUTE)
    -- One tenant's messages do not keep those of others waiting for the next hour.
    ORDER BY ROW_NUMBER() OVER (PARTITION BY message.tenant_id ORDER BY message.occurred_at)
    LIMIT 1000
  ) AS messages
