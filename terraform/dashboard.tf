# The dashboard. Its charts are PromQL over the metrics of metrics.tf and over Google's own.

locals {
  charts = [
    { title = "Runs by what happened", query = "sum by (action) (increase(${local.metric.runs}[5m]))" },
    { title = "Oldest waiting run (s)", query = local.oldest_waiting_seconds },
    { title = "Failures by class", query = "sum by (error_class) (increase(${local.metric.runs}{action=~\"FAIL|RETRY\"}[1h]))" },
    { title = "Scheduler jobs", query = "sum by (scheduler_job, outcome) (increase(${local.metric.scheduler_jobs}[1h]))" },
    { title = "Requests by function and status", query = "sum by (service_name, response_code_class) (increase(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\"}[5m]))" },
    { title = "Tasks in the queues", query = "sum by (queue_id) (cloudtasks_googleapis_com:queue_depth{monitored_resource=\"cloud_tasks_queue\"})" },
    { title = "Bytes billed by BigQuery", query = "sum(increase(bigquery_googleapis_com:query_statement_scanned_bytes_billed[1h]))" },
    { title = "Denials and quotas", query = "sum by (service, code) (increase(${local.metric.denials}[1h]))" },
  ]
}

resource "google_monitoring_dashboard" "platform" {
  dashboard_json = jsonencode({
    displayName = "Convergence"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : {
          xPos   = 6 * (index % 2)
          yPos   = 4 * floor(index / 2)
          width  = 6
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{ plotType = "LINE", timeSeriesQuery = { prometheusQuery = chart.query } }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.apis]
}
