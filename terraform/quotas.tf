# The quota of BigQuery's queries. It bounds what a mistake in a pipeline, or an attacker with unknown API keys, can
# bill in a day.

resource "google_cloud_quotas_quota_preference" "daily_queries" {
  count = var.daily_query_tebibytes > 0 ? 1 : 0

  parent               = "projects/${data.google_project.this.number}"
  name                 = "${local.platform.name}-daily-queries"
  service              = "bigquery.googleapis.com"
  quota_id             = "QueryUsagePerDay"
  contact_email        = var.alert_email == "" ? null : var.alert_email
  justification        = "The platform's own daily limit"
  ignore_safety_checks = "QUOTA_DECREASE_PERCENTAGE_TOO_HIGH" # Google's default is far above any daily use

  quota_config {
    preferred_value = tostring(var.daily_query_tebibytes * 1024 * 1024) # the quota counts MiB
  }

  depends_on = [google_project_service.apis]
}
