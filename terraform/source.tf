# The functions' code: one archive for each function, with main.py, shared/, configs/ and its own requirements.txt. It
# is named after the hash of its content, so a function is deployed again exactly when its content has changed.

data "external" "archives" {
  program = ["python3", "${local.root}/tools/terraform/archives.py"]
  query = {
    functions = join(",", keys(local.functions))
    output    = abspath("${path.module}/build")
  }
}

resource "google_storage_bucket" "source" {
  # checkov:skip=CKV_GCP_62:It holds our own source archives; audit logs record who reads them
  name                        = "${var.project_id}-${local.platform.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # archives are rebuilt from the checkout

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
    }
  }

  dynamic "encryption" {
    for_each = local.bucket_keys
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.apis, google_kms_crypto_key_iam_member.bucket]
}

resource "google_storage_bucket_object" "archives" {
  for_each = local.functions

  bucket = google_storage_bucket.source.name
  name   = "${each.key}/${data.external.archives.result[each.key]}.zip"
  source = "${path.module}/build/${each.key}-${data.external.archives.result[each.key]}.zip"

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_artifact_registry_repository" "functions" {
  # checkov:skip=CKV_GCP_84:Images are built from the public source and hold no data of anybody
  repository_id = "${local.platform.name}-functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Images that Cloud Build makes of the functions' archives"

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.apis]
}
