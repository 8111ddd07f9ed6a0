# The queues of Cloud Tasks, as configs/platform.yml lists them. `execute` delivers runs, `close` delivers closings of
# runs that no executor ends, and `kick` calls the dispatcher, one call at a time. `evaluate` compares costs with a
# tenant's rules for alerts after a publish, and `send` delivers the alerts.

locals {
  queue_names = {
    for name, queue in google_cloud_tasks_queue.queues :
    name => "projects/${var.project_id}/locations/${var.region}/queues/${queue.name}"
  }

  # For each function: the number of requests that its instances serve at once, minus the limits of its queues. A queue
  # without a limit gets this remainder.
  deliveries_left = {
    for name, function in local.functions : name => function.max_instances * function.concurrency - sum(concat([0], [
      for queue in values(local.platform.queues) : try(queue.max_concurrent_dispatches, 0) if queue.function == name
    ]))
  }
}

resource "google_cloud_tasks_queue" "queues" {
  for_each = local.platform.queues

  name     = each.value.id
  location = var.region

  rate_limits {
    max_dispatches_per_second = each.value.max_dispatches_per_second
    max_concurrent_dispatches = try(each.value.max_concurrent_dispatches, local.deliveries_left[each.value.function])
  }

  retry_config {
    max_attempts = each.value.max_attempts
    min_backoff  = "${each.value.min_backoff_seconds}s"
    max_backoff  = "${each.value.max_backoff_seconds}s"
  }

  stackdriver_logging_config {
    sampling_ratio = 1
  }

  depends_on = [google_project_service.apis]
}
