# The key that encrypts tenants' credentials. They are lost without it, and Google deletes neither key rings nor keys,
# so Terraform never destroys it. The runbook says how to remove everything else.

locals {
  # The full name is made of its parts, so that plans can show it before the key exists.
  credentials_key = "projects/${var.project_id}/locations/${var.region}/keyRings/${google_kms_key_ring.platform.name}/cryptoKeys/${google_kms_crypto_key.credentials.name}"
}

resource "google_kms_key_ring" "platform" {
  name     = local.platform.kms.key_ring
  location = var.region

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.apis]
}

resource "google_kms_crypto_key" "credentials" {
  # checkov:skip=CKV_GCP_43:configs/platform.yml sets 90 days, which checkov does not read; a test checks that it is at most 90
  name                       = local.platform.kms.key
  key_ring                   = google_kms_key_ring.platform.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "${local.platform.kms.rotation_days * 86400}s"
  destroy_scheduled_duration = "2592000s" # thirty days to notice a mistake

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.key_protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Keys of the platform's owner. Google's service agents need the right to use them.

locals {
  dataset_keys = compact([var.cmek.dataset_key])
  bucket_keys  = compact([var.cmek.bucket_key])
}

data "google_bigquery_default_service_account" "agent" {
  count = length(local.dataset_keys)
}

resource "google_kms_crypto_key_iam_member" "datasets" {
  count = length(local.dataset_keys)

  crypto_key_id = local.dataset_keys[count.index]
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_bigquery_default_service_account.agent[count.index].member
}

data "google_storage_project_service_account" "agent" {
  count = length(local.bucket_keys)
}

resource "google_kms_crypto_key_iam_member" "bucket" {
  count = length(local.bucket_keys)

  crypto_key_id = local.bucket_keys[count.index]
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.agent[count.index].member
}
