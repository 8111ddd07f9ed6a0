locals {
  queue_names = {
    for name, queue in google_cloud_tasks_queue.queues :
    name => "projects/${var.project_id}/locations/${var.region}/queues/${queue.name}"
  }
  account_emails = { for name, account in google_service_account.accounts : name => account.email }

  tunable_settings = toset([
    "ALLOW_OTHER_LOCATION", "EXECUTION_BUDGET_SECONDS", "EXECUTION_GRACE_SECONDS", "HEARTBEAT_SECONDS", "KEY_SECONDS",
    "KICK_BUCKET_SECONDS", "LEASE_SECONDS", "LOOK_SECONDS", "MAX_BYTES_BILLED", "QUERIES_AT_ONCE", "QUERIES_PER_MINUTE",
    "REQUESTS_AT_ONCE", "RETRY_BASE_SECONDS",
  ])

  # Every setting that a function may have, by name.
  settings = merge(
    {
      ADMIN_KEY_SECRET       = "projects/${var.project_id}/secrets/${google_secret_manager_secret.secrets["admin_key"].secret_id}"
      API_SERVICE_ACCOUNT    = local.account_emails.api
      CLOSE_QUEUE            = local.queue_names.close
      EXECUTE_QUEUE          = local.queue_names.execute
      EXECUTE_RUN_URL        = local.function_urls.execute_run
      KICK_QUEUE             = local.queue_names.kick
      KMS_KEY                = local.credentials_key
      PROCESS_QUEUE_URL      = local.function_urls.process_queue
      TASKS_SERVICE_ACCOUNT  = local.account_emails.tasks_invoker
      VERIFY_CREDENTIALS_URL = local.function_urls.verify_credentials
      WORKER_SERVICE_ACCOUNT = local.account_emails.worker
      WORKER_UNIQUE_ID       = google_service_account.accounts["worker"].unique_id
    },
    local.optional_settings,
  )
  # null where the default of shared/configuration/settings.py holds.
  optional_settings = merge(
    { for name in local.tunable_settings : name => lookup(var.settings, name, null) },
    {
      ALLOWED_ORIGINS  = length(var.allowed_origins) == 0 ? null : join(",", var.allowed_origins)
      DATASET_KMS_KEY  = var.cmek.dataset_key == "" ? null : var.cmek.dataset_key
      PROXIES_IN_FRONT = local.gateway_enabled ? "1" : null # the gateway's address comes after the caller's
      TENANT_TOKEN_URI = null                               # for the local cloud: here keys may only name Google's token server
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
        setting => merge(local.settings, { FUNCTION_URL = local.function_urls[name] })[setting]
      },
      contains(var.admin_key_ingress, name) ? { ADMIN_KEY_INGRESS = "true" } : {},
    )
  }

  # Cloud Scheduler and Cloud Tasks of the same project count as internal callers. Calls of people do not.
  people_call = toset([
    for name, function in local.private_functions :
    name if length(setsubtract(function.invokers, ["scheduler_invoker", "tasks_invoker"])) > 0
  ])
  reachable_functions = setunion(
    keys(local.public_functions),
    local.people_call,
    var.admin_key_ingress,
    length(var.operators) > 0 ? local.operator_functions : toset([]),
  )
}

resource "google_cloudfunctions2_function" "functions" {
  for_each = local.functions

  name        = local.service_names[each.key]
  location    = var.region
  description = each.value.description

  build_config {
    runtime           = var.runtime
    entry_point       = each.key
    service_account   = google_service_account.accounts["build"].name
    docker_repository = google_artifact_registry_repository.functions.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.archives[each.key].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.accounts[each.value.service_account].email
    available_memory                 = each.value.memory
    available_cpu                    = "1" # a concurrency above one requires a whole CPU
    timeout_seconds                  = each.value.timeout_seconds
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = try(each.value.min_instances, 0)
    max_instance_count               = each.value.max_instances
    ingress_settings                 = contains(local.reachable_functions, each.key) ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    environment_variables            = local.environments[each.key]
  }

  # The columns and tables that new code writes have to exist first.
  depends_on = [
    google_bigquery_table.central,
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build,
    google_storage_bucket_iam_member.build,
  ]
}
