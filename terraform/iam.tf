# The grants of the platform's accounts, each on the narrowest possible resource. The gateway's grants are in gateway.tf,
# those of Google's own agents on your keys in kms.tf. Rights on tables follow from `appended_by`, `mutated_by`,
# `removed_by` and `read_by` in configs/tables, all other rights from configs/platform.yml.

locals {
  members = { for name, account in google_service_account.accounts : name => account.member }
  roles = {
    for name, role in google_project_iam_custom_role.roles :
    name => "projects/${var.project_id}/roles/${role.role_id}"
  }

  # A table names its users as functions, or as accounts if an operator's command uses it.
  account_of_user = merge(
    { for name in keys(local.platform.service_accounts) : name => name },
    { for name, function in local.functions : name => function.service_account },
  )
  # Tables also name writers that are no accounts of the platform. They get no right. Any other unknown name is an error.
  other_writers = ["terraform", "subscription_system"]
  table_users = {
    for table, config in local.tables : table => {
      append = [for writer in try(config.appended_by, []) : writer.function]
      change = concat(try(config.mutated_by, []), try(config.removed_by, []))
      read   = try(config.read_by, [])
    }
  }
  table_rights = {
    for table, users in local.table_users : table => {
      for right, names in users :
      right => toset([for name in setsubtract(names, local.other_writers) : local.account_of_user[name]])
    }
  }
  # An account that changes a table can also append to it and read it.
  table_roles = {
    for table, rights in local.table_rights : table => {
      TableWriter   = rights.change
      TableAppender = setsubtract(rights.append, rights.change)
      TableReader   = setsubtract(rights.read, rights.change)
    }
  }
  table_grants = merge(flatten([
    for table, roles in local.table_roles : [
      for role, accounts in roles : {
        for account in accounts :
        "${table}/${account}/${role}" => { table = table, account = account, role = role }
      }
    ]
  ])...)

  accounts      = local.platform.service_accounts
  query_callers = setunion([for function in values(local.functions) : function.service_account], ["operator"])
}

# Predefined BigQuery roles also let a writer delete, share and redefine tables. Without getData, an appender can add
# rows but neither change nor remove them. An account that also reads the table can also change and remove rows, because
# BigQuery has no narrower right.
resource "google_project_iam_custom_role" "roles" {
  for_each = {
    TableReader = {
      title       = "read tables"
      permissions = ["bigquery.tables.get", "bigquery.tables.getData"]
    }
    TableAppender = {
      title       = "append to tables"
      permissions = ["bigquery.tables.get", "bigquery.tables.updateData"]
    }
    TableWriter = {
      title       = "read and change tables' rows"
      permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
    }
    StagingEditor = {
      title = "make, fill and drop staging tables"
      permissions = [
        "bigquery.tables.create", "bigquery.tables.delete", "bigquery.tables.get", "bigquery.tables.getData",
        "bigquery.tables.list", "bigquery.tables.update", "bigquery.tables.updateData",
      ]
    }
    StagingSweeper = {
      title       = "drop staging tables that are left over"
      permissions = ["bigquery.tables.delete", "bigquery.tables.get", "bigquery.tables.list"]
    }
    AccessTokenCreator = {
      title       = "act as a service account for an hour"
      permissions = ["iam.serviceAccounts.getAccessToken"]
    }
    DatasetCreator = {
      title       = "create datasets and see whose they are"
      permissions = ["bigquery.datasets.create", "bigquery.datasets.get"]
    }
  }

  role_id     = "${local.platform.name}${each.key}"
  title       = "Convergence: ${each.value.title}"
  permissions = each.value.permissions

  depends_on = [google_project_service.apis]
}

resource "google_bigquery_table_iam_member" "tables" {
  for_each = local.table_grants

  dataset_id = google_bigquery_dataset.central.dataset_id
  table_id   = google_bigquery_table.central[each.value.table].table_id
  role       = local.roles[each.value.role]
  member     = local.members[each.value.account]
}

resource "google_bigquery_dataset_iam_member" "staging" {
  for_each = merge([
    for use, role in { fill_staging = "StagingEditor", sweep_staging = "StagingSweeper" } : {
      for name, account in local.accounts : "${name}/${role}" => { account = name, role = role }
      if contains(try(account.datasets, []), use)
    }
  ]...)

  dataset_id = google_bigquery_dataset.staging.dataset_id
  role       = local.roles[each.value.role]
  member     = local.members[each.value.account]
}

# The creator of a dataset owns it. This grant gives no right on other datasets.
resource "google_project_iam_member" "dataset_creators" {
  for_each = toset([for name, account in local.accounts : name if contains(try(account.datasets, []), "create")])

  project = var.project_id
  role    = local.roles.DatasetCreator
  member  = local.members[each.value]
}

resource "google_project_iam_member" "query_callers" {
  for_each = local.query_callers

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = local.members[each.value]
}

resource "google_kms_crypto_key_iam_member" "credentials" {
  for_each = merge([
    for name, account in local.accounts : {
      for use in try(account.kms, []) : "${name}/${use}" => { account = name, use = use }
    }
  ]...)

  crypto_key_id = local.credentials_key
  member        = local.members[each.value.account]
  role = {
    encrypt = "roles/cloudkms.cryptoKeyEncrypter"
    decrypt = "roles/cloudkms.cryptoKeyDecrypter"
  }[each.value.use]
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = merge([
    for name, account in local.accounts : {
      for secret in try(account.secrets, []) : "${name}/${secret}" => { account = name, secret = secret }
    }
  ]...)

  secret_id = google_secret_manager_secret.secrets[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members[each.value.account]
}

resource "google_cloud_tasks_queue_iam_member" "enqueuers" {
  for_each = merge([
    for name, account in local.accounts : {
      for queue in try(account.queues, []) : "${name}/${queue}" => { account = name, queue = queue }
    }
  ]...)

  name     = google_cloud_tasks_queue.queues[each.value.queue].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = local.members[each.value.account]
}

# A task calls as the tasks' invoker account, so an account that creates tasks needs the right to act as it.
resource "google_service_account_iam_member" "task_creators" {
  for_each = toset([for name, account in local.accounts : name if length(try(account.queues, [])) > 0])

  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.account_emails.tasks_invoker}"
  role               = "roles/iam.serviceAccountUser"
  member             = local.members[each.value]
}

# The right to call each function. Only `public_access` and `admin_key_ingress` make a function public.
resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = merge([
    for name, function in local.private_functions : {
      for invoker in function.invokers :
      "${name}/${invoker}" => { function = name, member = local.members[invoker] }
    }
  ]...)

  name     = google_cloudfunctions2_function.functions[each.value.function].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.member
}

# scheduler_status accepts calls of the operator's account. Operators may create ID tokens of this account and nothing
# else of it.
resource "google_service_account_iam_member" "operators" {
  for_each = var.operators

  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.account_emails.operator}"
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = each.value
}

# Re-encryption decrypts all stored credentials, so members are only listed while it runs.
resource "google_service_account_iam_member" "reencryptors" {
  for_each = var.reencryptors

  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.account_emails.operator}"
  role               = local.roles.AccessTokenCreator
  member             = each.value
}

resource "google_cloud_run_v2_service_iam_member" "operators_as_invokers" {
  for_each = {
    for pair in setproduct(local.operator_functions, var.operators) :
    join("/", pair) => { function = pair[0], member = pair[1] }
  }

  name     = google_cloudfunctions2_function.functions[each.value.function].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.member
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  for_each = setunion(var.public_access == "all_users" ? keys(local.public_functions) : [], var.admin_key_ingress)

  name     = google_cloudfunctions2_function.functions[each.value].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# If an organisation forbids allUsers, Cloud Run's invoker check can be disabled. The functions' API has no such
# field, so it is set again with every deployment of a function, that is, when its archive, settings or size change.
resource "terraform_data" "invoker_check_disabled" {
  for_each = {
    for name, function in local.public_functions : name => function if var.public_access == "invoker_check_disabled"
  }

  triggers_replace = [
    google_cloudfunctions2_function.functions[each.key].id,
    google_storage_bucket_object.archives[each.key].name,
    jsonencode([var.runtime, each.value, local.environments[each.key]]),
  ]

  provisioner "local-exec" {
    command = "gcloud run services update \"$SERVICE\" --project=\"$PROJECT\" --region=\"$REGION\" --no-invoker-iam-check --quiet"
    environment = {
      SERVICE = local.service_names[each.key]
      PROJECT = var.project_id
      REGION  = var.region
    }
  }
}

# Builds may only read the archives and write images and logs.
resource "google_storage_bucket_iam_member" "build" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = local.members.build
}

resource "google_artifact_registry_repository_iam_member" "build" {
  repository = google_artifact_registry_repository.functions.repository_id
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = local.members.build
}

resource "google_project_iam_member" "build" {
  for_each = {
    logs = { role = "roles/logging.logWriter", bucket = null }
    # Cloud Functions copies each archive into a bucket that it creates with the first one.
    copies = { role = "roles/storage.objectViewer", bucket = "gcf-v2-sources-${data.google_project.this.number}-${var.region}" }
  }

  project = var.project_id
  role    = each.value.role
  member  = local.members.build

  dynamic "condition" {
    for_each = each.value.bucket == null ? [] : [each.value.bucket]
    content {
      title      = "copies of the functions' archives"
      expression = "resource.name.startsWith(\"projects/_/buckets/${condition.value}\")"
    }
  }
}
