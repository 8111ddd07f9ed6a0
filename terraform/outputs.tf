# What an operator needs to know after a deployment. `terraform output` shows it.

output "function_urls" {
  description = "The URL of each function. Its routes are below it."
  value       = local.function_urls
}

output "api_url" {
  description = "The URL of all tenants' routes with public_access = api_gateway, empty otherwise."
  # A value of null would not be an output.
  value = local.gateway_enabled ? "https://${google_api_gateway_gateway.tenants[0].default_hostname}" : ""
}

output "routes" {
  description = "The full URL of every route, by method and path."
  value = merge([
    for name, function in local.functions : {
      for route in function.routes : route => "${local.function_urls[name]}${split(" ", route)[1]}"
    }
  ]...)
}

output "service_accounts" {
  description = "The e-mail address of each service account. A tenant that stores no key allows the account `worker` to act as its own account."
  value       = local.account_emails
}

output "admin_key_secret" {
  description = "The name of the secret behind X-Admin-Key. deploy.sh creates its versions."
  value       = google_secret_manager_secret.secrets["admin_key"].secret_id
}

output "console_url" {
  description = "The URL of the console."
  value       = "${local.console_url}/console"
}

output "console_key_secret" {
  description = "The name of the secret that seals the console's sessions. deploy.sh creates its versions."
  value       = google_secret_manager_secret.secrets["console_key"].secret_id
}

output "admin_key_aliases" {
  description = "The version aliases that functions read, the current one first."
  value       = local.platform.secrets.admin_key.aliases
}

output "credentials_key" {
  description = "The full name of the key that encrypts tenants' credentials."
  value       = local.credentials_key
}

output "location" {
  description = "Project, region and BigQuery location of this platform."
  value       = { project_id = var.project_id, region = var.region, bigquery_location = var.bigquery_location }
}
