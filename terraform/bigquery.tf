# The central dataset with its tables, and the staging dataset. A tenant's own dataset is created when the tenant
# stores its first credential.

locals {
  day_milliseconds = 24 * 60 * 60 * 1000

  partitions = {
    for name, table in local.tables : name => {
      column      = table.partition.column
      granularity = table.partition.granularity
      # null keeps the partitions for ever.
      expiration_ms = try(
        try(var.partition_expiration_days[name], table.partition.expiration_days) * local.day_milliseconds,
        null,
      )
    } if can(table.partition)
  }
}

resource "google_bigquery_dataset" "central" {
  dataset_id  = local.platform.datasets.central
  location    = var.bigquery_location
  description = "Tenants, schedules, the queue and what happened to every run"

  dynamic "default_encryption_configuration" {
    for_each = local.dataset_keys
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.apis, google_kms_crypto_key_iam_member.datasets]
}

resource "google_bigquery_dataset" "staging" {
  dataset_id                  = local.platform.datasets.staging
  location                    = var.bigquery_location
  description                 = "Tables of running pipelines; they expire by themselves"
  default_table_expiration_ms = local.platform.datasets.staging_expiration_days * local.day_milliseconds
  delete_contents_on_destroy  = true

  dynamic "default_encryption_configuration" {
    for_each = local.dataset_keys
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.apis, google_kms_crypto_key_iam_member.datasets]
}

resource "google_bigquery_table" "central" {
  # checkov:skip=CKV_GCP_80:A table takes the key of its dataset, which the variable cmek sets
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.central.dataset_id
  table_id            = each.key
  description         = each.value.description
  deletion_protection = var.deletion_protection
  clustering          = try(each.value.clustering, null)

  schema = jsonencode([
    for column in each.value.columns : {
      for key, value in {
        name        = column.name
        type        = column.type
        mode        = try(column.mode, "NULLABLE")
        description = try(column.description, "")
        fields      = try(column.fields, null)
      } : key => value if value != null
    }
  ])

  dynamic "time_partitioning" {
    for_each = can(local.partitions[each.key]) ? [local.partitions[each.key]] : []
    content {
      type          = time_partitioning.value.granularity
      field         = time_partitioning.value.column
      expiration_ms = time_partitioning.value.expiration_ms
    }
  }
}

# Inserts the only row of dispatcher_state. BigQuery accepts a job id once, and no job can be changed. So a new table,
# new labels or a new statement need a new id: it has the table's creation time and a hash of the other two. The
# statement inserts nothing if the row is there.
locals {
  insert_epoch = <<-SQL
    INSERT INTO `${google_bigquery_dataset.central.dataset_id}`.dispatcher_state (epoch)
    SELECT 0
    FROM (
      SELECT COUNT(*) AS state_rows
      FROM `${google_bigquery_dataset.central.dataset_id}`.dispatcher_state
    )
    WHERE state_rows = 0
  SQL
}

resource "google_bigquery_job" "dispatcher_state" {
  job_id = join("-", [
    "dispatcher-state",
    google_bigquery_table.central["dispatcher_state"].creation_time,
    substr(sha1(jsonencode([local.labels, local.insert_epoch])), 0, 8),
  ])
  location = var.bigquery_location

  query {
    query              = local.insert_epoch
    use_legacy_sql     = false
    create_disposition = "" # BigQuery requires this for a statement that is not a SELECT
    write_disposition  = ""
  }
}
