# The environment variables of each function. configs/platform.yml lists the settings that a function has; this file
# gives them their values. shared/configuration/settings.py reads them.

locals {
  # Settings that the variable `settings` may change. Without a value there, the default of settings.py holds.
  tunable_settings = toset([
    "ALLOW_OTHER_LOCATION", "EXECUTION_BUDGET_SECONDS", "EXECUTION_GRACE_SECONDS", "HEARTBEAT_SECONDS", "KEY_SECONDS",
    "KICK_BUCKET_SECONDS", "LEASE_SECONDS", "LOOK_SECONDS", "MAX_BYTES_BILLED", "QUERIES_AT_ONCE", "QUERIES_PER_MINUTE",
    "REQUESTS_AT_ONCE", "RETRY_BASE_SECONDS", "SESSION_SECONDS",
  ])

  # All settings that the variable `settings` may change. The default of CONSOLE_URL is in platform.tf.
  changeable_settings = setunion(local.tunable_settings, ["CONSOLE_URL"])

  # Every setting by name. A setting that is null is left out of the environment.
  setting_values = merge(
    {
      ADMIN_KEY_SECRET        = "projects/${var.project_id}/secrets/${google_secret_manager_secret.secrets["admin_key"].secret_id}"
      API_SERVICE_ACCOUNT     = local.account_emails.api
      CLOSE_QUEUE             = local.queue_names.close
      CONSOLE_KEY_SECRET      = "projects/${var.project_id}/secrets/${google_secret_manager_secret.secrets["console_key"].secret_id}"
      CONSOLE_SERVICE_ACCOUNT = local.account_emails.console
      EVALUATE_ALERTS_URL     = local.function_urls.evaluate_alerts
      EVALUATE_QUEUE          = local.queue_names.evaluate
      EXECUTE_QUEUE           = local.queue_names.execute
      EXECUTE_RUN_URL         = local.function_urls.execute_run
      KICK_QUEUE              = local.queue_names.kick
      KMS_KEY                 = local.credentials_key
      PROCESS_QUEUE_URL       = local.function_urls.process_queue
      SEND_ALERTS_URL         = local.function_urls.send_alerts
      SEND_QUEUE              = local.queue_names.send
      TASKS_SERVICE_ACCOUNT   = local.account_emails.tasks_invoker
      VERIFY_CREDENTIALS_URL  = local.function_urls.verify_credentials
      WORKER_SERVICE_ACCOUNT  = local.account_emails.worker
      WORKER_UNIQUE_ID        = google_service_account.accounts["worker"].unique_id
    },
    local.optional_settings,
  )
  optional_settings = merge(
    { for name in local.tunable_settings : name => lookup(var.settings, name, null) },
    {
      ALLOWED_ORIGINS      = length(var.allowed_origins) == 0 ? null : join(",", var.allowed_origins)
      ALLOW_LOCAL_WEBHOOKS = null # never set in Google Cloud; only the local cloud sets it
      CONSOLE_URL          = local.console_url
      DATASET_KMS_KEY      = var.cmek.dataset_key == "" ? null : var.cmek.dataset_key
      PROXIES_IN_FRONT     = local.gateway_enabled ? "1" : null # then the last address is the gateway's own
      TENANT_TOKEN_URI     = null                               # never set in Google Cloud; only the local cloud sets it
    },
  )
  unset_settings = [for name, value in local.optional_settings : name if value == null]

  environments = {
    for name, function in local.functions : name => merge(
      {
        PROJECT_ID        = var.project_id
        REGION            = var.region
        BIGQUERY_LOCATION = var.bigquery_location
        LOG_LEVEL         = var.log_level
      },
      {
        for setting in setsubtract(function.environment, local.unset_settings) :
        setting => merge(local.setting_values, { FUNCTION_URL = local.function_urls[name] })[setting]
      },
      contains(var.admin_key_ingress, name) ? { ADMIN_KEY_INGRESS = "true" } : {},
    )
  }
}
