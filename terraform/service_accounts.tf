# One service account for each trust level, as configs/platform.yml lists them. None of them has a key. gateway.tf adds
# one for the API Gateway.

locals {
  account_emails = { for name, account in google_service_account.accounts : name => account.email }
}

resource "google_service_account" "accounts" {
  for_each = local.platform.service_accounts

  account_id   = each.value.id
  display_name = "Convergence: ${replace(each.key, "_", " ")}"
  description  = each.value.description

  depends_on = [google_project_service.apis]
}
