# Alerts and their receivers. Conditions are PromQL over the metrics of metrics.tf. They may name a metric that has no
# value yet, as on the first day.

locals {
  metric = {
    for name in concat(keys(local.log_metrics), ["oldest_waiting_seconds"]) :
    name => "logging_googleapis_com:user_${local.metric_prefix}_${name}"
  }
  # 7500 s suit an hourly job: it is overdue five minutes after the second run without a success.
  overdue_after_seconds = {
    for job, schedule in local.jobs :
    job => lookup(var.overdue_after_seconds, job, try(schedule.overdue_after_seconds, 7500))
  }
  failed_runs = "sum(increase(${local.metric.runs}{action=\"FAIL\"}[1h]))"
  ended_runs  = "sum(increase(${local.metric.runs}{action=~\"COMPLETE|FAIL\"}[1h]))"
  # The mean, over the last calls of the dispatcher, of the longest time that a run had waited.
  oldest_waiting_seconds = join(" / ", [
    for part in ["sum", "count"] : "sum(increase(${local.metric.oldest_waiting_seconds}_${part}[15m]))"
  ])

  alerts = merge(
    {
      oldest_waiting = {
        title    = "A run waits too long"
        query    = "${local.oldest_waiting_seconds} > ${var.oldest_waiting_minutes * 60}"
        duration = "300s"
        severity = "WARNING"
        meaning  = "Runs that could start are not started, or all executors are busy. GET /api/v1/scheduler/status shows the waiting runs by reason."
      }
      failure_rate = {
        title    = "Many runs fail"
        query    = "${local.failed_runs} >= 5 and ${local.failed_runs} / ${local.ended_runs} > ${var.failure_percent / 100}"
        duration = "0s"
        severity = "WARNING"
        meaning  = "Look at error_class in the log lines 'run changed state'. If many tenants have one class, the cause is the platform or the provider. If it is one tenant, the cause is its export or its credentials."
      }
      lease_rescues = {
        title    = "Executors get lost"
        query    = "sum(increase(${local.metric.runs}{error_class=\"LEASE_EXPIRED\"}[1h])) > 3"
        duration = "0s"
        severity = "WARNING"
        meaning  = "Leases expired without a heartbeat: executors crash (check their memory) or cannot reach BigQuery. The platform retries the runs."
      }
      denials = {
        title    = "Google denied a call"
        query    = "sum by (service) (increase(${local.metric.denials}[10m])) > 0"
        duration = "0s"
        severity = "ERROR"
        meaning  = "A grant is missing (code 7) or a quota is used up (code 8); 'Quotas to request' in docs/runbook/ says which one to raise."
      }
      errors = {
        title    = "A function logged an error"
        query    = "sum by (service, phrase) (increase(${local.metric.errors}[10m])) > 0"
        duration = "0s"
        severity = "ERROR"
        meaning  = "The platform logs an ERROR only if it cannot recover by itself. Read the log line and act on it."
      }
    },
    {
      for job, schedule in local.jobs : "overdue_${replace(job, "-", "_")}" => {
        title    = "${job} is overdue"
        query    = "absent_over_time(${local.metric.scheduler_jobs}{scheduler_job=\"${schedule.function}\",outcome=\"SUCCESS\"}[${local.overdue_after_seconds[job]}s])"
        duration = "0s"
        severity = "ERROR"
        meaning  = "The job has not succeeded for too long. Check whether the Cloud Scheduler job is paused, refused (IAM) or failing. The job catches up as soon as it runs."
      } if !var.schedules_paused
    },
  )
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == "" ? 0 : 1

  display_name = "Convergence: ${var.alert_email}"
  type         = "email"
  labels       = { email_address = var.alert_email }
  user_labels  = local.labels

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "alerts" {
  for_each = local.alerts

  display_name          = "Convergence: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = local.labels
  notification_channels = concat(google_monitoring_notification_channel.email[*].id, var.notification_channels)

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = each.value.duration
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    content   = each.value.meaning
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.counters, google_logging_metric.oldest_waiting]
}
