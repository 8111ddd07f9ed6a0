# The functions, as configs/platform.yml lists them, and which of them take calls from the internet. settings.tf has
# their environment variables, source.tf their code, iam.tf the right to call them.

locals {
  # Calls of Cloud Scheduler and Cloud Tasks count as internal, because they come from the same project. Calls of
  # people do not.
  functions_for_people = toset([
    for name, function in local.private_functions :
    name if length(setsubtract(function.invokers, ["scheduler_invoker", "tasks_invoker"])) > 0
  ])
  functions_open_to_internet = setunion(
    keys(local.public_functions),
    local.functions_for_people,
    var.admin_key_ingress,
    length(var.operators) > 0 ? local.operator_functions : toset([]),
  )
  ingress = {
    for name in keys(local.functions) :
    name => contains(local.functions_open_to_internet, name) ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
  }
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
    ingress_settings                 = local.ingress[each.key]
    all_traffic_on_latest_revision   = true
    environment_variables            = local.environments[each.key]
  }

  # The columns and tables that new code writes have to exist first. The build also needs its rights.
  depends_on = [
    google_bigquery_table.central,
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build,
    google_storage_bucket_iam_member.build,
  ]
}
