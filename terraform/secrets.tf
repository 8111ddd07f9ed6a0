# The secrets, without their values. deploy.sh creates their versions and aliases, so no value appears in a plan,
# state or output.

resource "google_secret_manager_secret" "secrets" {
  for_each = local.platform.secrets

  secret_id = each.value.id

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  lifecycle {
    ignore_changes = [version_aliases]
  }

  depends_on = [google_project_service.apis]
}
