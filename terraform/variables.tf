# What an operator has to fill in. terraform.tfvars.example shows how.

variable "project_id" {
  description = "The Google Cloud project that holds the platform and the tenants' datasets."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = <<-EOT
      project_id must be the project's id (6 to 30 lowercase letters, digits and hyphens), not its name or number.
    EOT
  }
}

variable "region" {
  description = "The region of functions, queues, schedules and the key, for example us-central1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a single region such as us-central1, not a multi-region or a zone."
  }
}

variable "bigquery_location" {
  description = <<-EOT
    The location of every dataset, for example US, EU or europe-west3. The tenants' billing exports must be there too.
  EOT
  type        = string

  validation {
    condition     = can(regex("^(US|EU|[a-z]+-[a-z]+[0-9]+)$", var.bigquery_location))
    error_message = "bigquery_location must be US, EU or a region such as europe-west3."
  }
}

variable "alert_email" {
  description = <<-EOT
    The address that gets a mail when an alert fires. If it is empty, no mail is sent; see notification_channels.
  EOT
  type        = string

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an e-mail address or empty."
  }
}
