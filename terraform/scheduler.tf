# Cloud Scheduler's jobs. Each calls a function with an OIDC token. A call that fails is repeated, so every function
# has to bear being called twice.

resource "google_cloud_scheduler_job" "jobs" {
  for_each = local.jobs

  name             = each.key
  region           = var.region
  description      = local.functions[each.value.function].description
  schedule         = lookup(var.schedules, each.key, each.value.cron)
  time_zone        = "Etc/UTC"
  attempt_deadline = "${each.value.attempt_deadline_seconds}s"
  paused           = var.schedules_paused

  retry_config {
    retry_count          = 3
    min_backoff_duration = "10s"
    max_backoff_duration = "120s"
    max_doublings        = 3
  }

  http_target {
    http_method = "POST"
    uri         = "${local.function_urls[each.value.function]}${local.function_paths[each.value.function]}"
    body        = base64encode("{}")
    headers = merge(
      { "Content-Type" = "application/json" },
      var.scheduler_admin_key == null ? {} : { "X-Admin-Key" = var.scheduler_admin_key },
    )

    oidc_token {
      service_account_email = google_service_account.accounts["scheduler_invoker"].email
      audience              = local.function_urls[each.value.function]
    }
  }

  depends_on = [google_cloudfunctions2_function.functions]
}
