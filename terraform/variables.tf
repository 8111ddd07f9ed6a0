# What an operator can set. terraform.tfvars.example shows how.

# These four have to be filled in.

variable "project_id" {
  description = "The Google Cloud project that holds the platform and the tenants' datasets."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the project's id (6 to 30 lowercase letters, digits and hyphens), not its name or number."
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
  description = "The location of every dataset, for example US, EU or europe-west3. The tenants' billing exports must be there too."
  type        = string

  validation {
    condition     = can(regex("^(US|EU|[a-z]+-[a-z]+[0-9]+)$", var.bigquery_location))
    error_message = "bigquery_location must be US, EU or a region such as europe-west3."
  }
}

variable "alert_email" {
  description = "The address that gets a mail when an alert fires. If it is empty, no mail is sent; see notification_channels."
  type        = string

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an e-mail address or empty."
  }
}

# Who may call.

variable "public_access" {
  description = "The way in which tenants' routes become reachable: all_users (the usual way), invoker_check_disabled (if an organisation policy forbids allUsers; needs gcloud) or api_gateway."
  type        = string
  default     = "all_users"

  validation {
    condition     = contains(["all_users", "invoker_check_disabled", "api_gateway"], var.public_access)
    error_message = "public_access must be all_users, invoker_check_disabled or api_gateway."
  }
}

variable "admin_key_ingress" {
  description = "Scheduler functions that are reachable without a Google identity, so that an operator can call them with X-Admin-Key alone. They then refuse tokens whose signature Cloud Run removed."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.admin_key_ingress, local.operator_functions)) == 0
    error_message = "admin_key_ingress may only name private functions that have ADMIN_KEY_SECRET and that Cloud Tasks does not call."
  }
}

variable "operators" {
  description = "Members (user:..., group:...) that may call the scheduler functions, with an ID token of the operator's account, or with their own token and X-Admin-Key. The functions then accept calls from the internet, and Cloud Run's IAM check decides about them."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "operators must be user:, group: or serviceAccount: members, never allUsers or a whole domain."
  }
}

variable "reencryptors" {
  description = "Members that may act as the operator's account, to re-encrypt stored credentials after a rotation. They can decrypt every tenant's credentials, so keep the list empty at all other times."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.reencryptors : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "reencryptors must be user:, group: or serviceAccount: members, never allUsers or a whole domain."
  }
}

variable "allowed_origins" {
  description = "Origins whose web pages may call tenants' routes, for example https://app.example.com."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https?://[^/*,\\s]+$", origin))])
    error_message = "allowed_origins must be origins (scheme, host and port) without a path and without a wildcard."
  }
}

# When things run.

variable "schedules" {
  description = "Cron expressions (UTC) by job, for jobs whose schedule differs from configs/platform.yml."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.schedules), keys(local.jobs))) == 0
    error_message = "schedules names a job that configs/platform.yml does not have. Use a job's name from there."
  }
  validation {
    condition     = alltrue([for cron in values(var.schedules) : can(regex("^[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}$", cron))])
    error_message = "A cron expression must have five fields, for example \"*/10 * * * *\"."
  }
}

variable "overdue_after_seconds" {
  description = "Seconds without a success after which a job is overdue, by job. Set them if your schedules differ from configs/platform.yml."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.overdue_after_seconds), keys(local.jobs))) == 0
    error_message = "overdue_after_seconds names a job that configs/platform.yml does not have. Use a job's name from there."
  }
  validation {
    condition     = alltrue([for seconds in values(var.overdue_after_seconds) : seconds >= 60 && seconds <= 90000])
    error_message = "overdue_after_seconds must be from 60 to 90000, because Cloud Monitoring looks back 25 hours at most."
  }
}

variable "schedules_paused" {
  description = "Whether the scheduler's jobs are paused. The platform then starts nothing by itself."
  type        = bool
  default     = false
}

variable "scheduler_admin_key" {
  description = "An X-Admin-Key that the scheduler's calls send, as in the first version of the platform. It is off by default, because the calls authenticate by OIDC, and because the key would be readable in the state and in the jobs."
  type        = string
  default     = null
  sensitive   = true
}

# What protects the budget and the data.

variable "settings" {
  description = "Settings of the functions (shared/configuration/settings.py) that differ from the product's defaults, by name, for example { LEASE_SECONDS = \"600\" }. A function gets the settings that configs/platform.yml lists for it."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.changeable_settings)) == 0
    error_message = "settings may only hold ${join(", ", local.changeable_settings)}."
  }
}

variable "log_level" {
  description = "The lowest severity that the functions log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "gateway_requests_per_minute" {
  description = "The gateway's quota with public_access = api_gateway: requests a minute for each Google project whose API key callers send as ?key=... Requests without a key are refused, and requests beyond the quota get 429. 0 means no quota."
  type        = number
  default     = 0

  validation {
    condition     = floor(var.gateway_requests_per_minute) == var.gateway_requests_per_minute && var.gateway_requests_per_minute >= 0 && (var.gateway_requests_per_minute == 0 || var.public_access == "api_gateway")
    error_message = "gateway_requests_per_minute must be a whole number, and it needs public_access = api_gateway."
  }
}

variable "daily_query_tebibytes" {
  description = "The bytes, in TiB, that BigQuery's on-demand queries may bill this project per day. Further queries fail until midnight Pacific time. 0 means no quota."
  type        = number
  default     = 5

  validation {
    condition     = var.daily_query_tebibytes >= 0
    error_message = "daily_query_tebibytes must not be negative."
  }
}

variable "partition_expiration_days" {
  description = "Days after which partitions of a central table expire, by table, for tables that should differ from configs/tables, for example { scheduled_pipeline_runs = 730 }."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for table in keys(var.partition_expiration_days) : can(local.tables[table].partition)])
    error_message = "partition_expiration_days names a table that is not partitioned. Only partitioned tables can be listed."
  }
  validation {
    condition     = alltrue([for days in values(var.partition_expiration_days) : days >= 1])
    error_message = "partition_expiration_days must be at least 1."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy the central tables."
  type        = bool
  default     = true
}

variable "cmek" {
  description = "Your own Cloud KMS keys, by full name. dataset_key (in bigquery_location) encrypts the platform's datasets and tenants' datasets that are created later, bucket_key (in region) the source bucket. Without them Google's keys are used."
  type = object({
    dataset_key = optional(string, "")
    bucket_key  = optional(string, "")
  })
  default = {}

  validation {
    condition = alltrue([
      for key in values(var.cmek) : key == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", key))
    ])
    error_message = "A key of cmek must be a full name: projects/.../locations/.../keyRings/.../cryptoKeys/..."
  }
}

variable "key_protection_level" {
  description = "The protection level of the key for tenants' credentials: SOFTWARE or HSM."
  type        = string
  default     = "SOFTWARE"

  validation {
    condition     = contains(["SOFTWARE", "HSM"], var.key_protection_level)
    error_message = "key_protection_level must be SOFTWARE or HSM."
  }
}

variable "notification_channels" {
  description = "Full names of existing Cloud Monitoring notification channels that also get the alerts."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", name))])
    error_message = "notification_channels must be full names: projects/PROJECT/notificationChannels/NUMBER."
  }
}

variable "oldest_waiting_minutes" {
  description = "An alert fires when a run that could start has waited for this number of minutes."
  type        = number
  default     = 30

  validation {
    condition     = var.oldest_waiting_minutes > 0
    error_message = "oldest_waiting_minutes must be above 0."
  }
}

variable "failure_percent" {
  description = "An alert fires when more than this percentage of the runs that ended within an hour failed, and at least five of them."
  type        = number
  default     = 20

  validation {
    condition     = var.failure_percent >= 0 && var.failure_percent < 100
    error_message = "failure_percent must be at least 0 and below 100."
  }
}

variable "labels" {
  description = "Labels for every resource that can have labels, in addition to application and managed_by."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "Labels must be lowercase letters, digits, hyphens and underscores, at most 63 characters, and a key must begin with a letter."
  }
  validation {
    condition     = length(setintersection(keys(var.labels), ["application", "managed_by"])) == 0
    error_message = "labels must not contain application and managed_by, because the platform sets them."
  }
}

variable "runtime" {
  description = "The runtime of the functions. The pinned requirements are compiled for Python 3.11 and newer and tested with 3.11."
  type        = string
  default     = "python311"

  validation {
    condition     = can(regex("^python31[1-9]$", var.runtime))
    error_message = "runtime must be python311 or newer."
  }
}
