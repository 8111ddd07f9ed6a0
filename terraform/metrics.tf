# Metrics are counted from the functions' log lines (shared/runtime/log.py) and from Google's audit logs.

locals {
  metric_prefix = local.platform.name

  log_metrics = {
    scheduler_jobs = {
      description = "Scheduler functions that ended, by job and outcome"
      filter      = "jsonPayload.message=\"scheduler job ended\""
      labels      = { scheduler_job = "EXTRACT(jsonPayload.job)", outcome = "EXTRACT(jsonPayload.outcome)" }
    }
    runs = {
      description = "Runs that changed state in the queue, by what happened to them"
      filter      = "jsonPayload.message=\"run changed state\""
      labels      = { action = "EXTRACT(jsonPayload.action)", error_class = "EXTRACT(jsonPayload.error_class)" }
    }
    errors = {
      description = "Log lines of severity ERROR or higher, on which somebody must act, by service and message"
      filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for service in values(local.service_names) : "\"${service}\""])}) AND severity>=ERROR"
      labels      = { service = "EXTRACT(resource.labels.service_name)", phrase = "EXTRACT(jsonPayload.message)" }
    }
    denials = {
      description = "Calls that Cloud KMS, Secret Manager or Cloud Tasks denied, and calls over a quota of Google's, by service"
      filter = join(" OR ", [
        "(protoPayload.serviceName=(\"cloudkms.googleapis.com\" OR \"secretmanager.googleapis.com\") AND protoPayload.status.code=7)",
        "(protoPayload.serviceName=(\"bigquery.googleapis.com\" OR \"cloudkms.googleapis.com\") AND protoPayload.status.code=8)",
        # Cloud Tasks writes no audit log of tasks, so the functions log denials themselves.
        "(jsonPayload.message=\"task not created\" AND jsonPayload.error=(\"PermissionDenied\" OR \"ResourceExhausted\"))",
      ])
      labels = { service = "EXTRACT(protoPayload.serviceName)", code = "EXTRACT(protoPayload.status.code)" }
    }
  }
}

resource "google_logging_metric" "counters" {
  for_each = local.log_metrics

  name             = "${local.metric_prefix}_${each.key}"
  description      = each.value.description
  filter           = each.value.filter
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_logging_metric" "oldest_waiting" {
  name            = "${local.metric_prefix}_oldest_waiting_seconds"
  description     = "The longest time that a run in the queue has waited, at each call of the dispatcher"
  filter          = "jsonPayload.message=\"scheduler job ended\" AND jsonPayload.job=\"process_queue\" AND jsonPayload.outcome=\"SUCCESS\""
  value_extractor = "EXTRACT(jsonPayload.oldest_waiting_seconds)"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "s"
  }

  bucket_options {
    explicit_buckets {
      bounds = [60, 300, 600, 900, 1800, 3600, 7200, 21600, 86400]
    }
  }

  depends_on = [google_project_service.apis]
}

# Without these, a denied decryption leaves no line to count.
resource "google_project_iam_audit_config" "data_access" {
  for_each = toset(["cloudkms.googleapis.com", "secretmanager.googleapis.com"])

  project = var.project_id
  service = each.value

  audit_log_config {
    log_type = "DATA_READ"
  }
}
