# The four that have to be filled in.

variable "project_id" {
  description = "The Google Cloud project that holds the platform and the tenants' datasets."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is the project's id (6 to 30 lowercase letters, digits and hyphens), not its name or number."
  }
}

variable "region" {
  description = "Where functions, queues, schedules and the key are, for example us-central1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a single region such as us-central1, not a multi-region or a zone."
  }
}

variable "bigquery_location" {
  description = "Where every dataset is; the tenants' billing exports have to be there too. For example US, EU or europe-west3."
  type        = string

  validation {
    condition     = can(regex("^(US|EU|[a-z]+-[a-z]+[0-9]+)$", var.bigquery_location))
    error_message = "bigquery_location is US, EU or a region such as europe-west3."
  }
}

variable "alert_email" {
  description = "Who is told when an alert fires. Empty: nobody by mail; see notification_channels."
  type        = string

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+$", var.alert_email))
    error_message = "alert_email is an e-mail address, or empty."
  }
}

# Who may call.

variable "public_access" {
  description = "How tenants' routes become reachable: all_users (the plain way), invoker_check_disabled (where an organisation policy forbids allUsers; needs gcloud) or api_gateway."
  type        = string
  default     = "all_users"

  validation {
    condition     = contains(["all_users", "invoker_check_disabled", "api_gateway"], var.public_access)
    error_message = "public_access is all_users, invoker_check_disabled or api_gateway."
  }
}

variable "admin_key_ingress" {
  description = "Scheduler functions that anybody may reach, so that an operator without a Google identity can call them with X-Admin-Key alone. They then refuse tokens whose signature Cloud Run removed."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.admin_key_ingress, local.operator_functions)) == 0
    error_message = "admin_key_ingress names private functions that are given ADMIN_KEY_SECRET and are not delivered to by Cloud Tasks."
  }
}

variable "operators" {
  description = "Members (user:..., group:...) that may call the scheduler functions: with an ID token of the operator's account, or with their own and X-Admin-Key. The functions then take calls from the internet, which Cloud Run's IAM check judges."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "operators are user:, group: or serviceAccount: members; never allUsers or a whole domain."
  }
}

variable "reencryptors" {
  description = "Members that may act as the operator's account, to re-encrypt stored credentials after a rotation. Whoever may can decrypt every tenant's credentials: empty but while it is done."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.reencryptors : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "reencryptors are user:, group: or serviceAccount: members; never allUsers or a whole domain."
  }
}

variable "allowed_origins" {
  description = "Origins that a browser may call tenants' routes from, for example https://app.example.com."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https?://[^/*,\\s]+$", origin))])
    error_message = "allowed_origins are origins (scheme, host and port) without a path; a wildcard is not one."
  }
}

# When things run.

variable "schedules" {
  description = "Cron expressions (UTC) by job, for those that differ from configs/platform.yml."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.schedules), keys(local.jobs))) == 0
    error_message = "schedules names a job that configs/platform.yml does not have."
  }
  validation {
    condition     = alltrue([for cron in values(var.schedules) : can(regex("^[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}$", cron))])
    error_message = "A cron expression has five fields, for example \"*/10 * * * *\"."
  }
}

variable "overdue_after_seconds" {
  description = "Seconds without a success after which a job is overdue, by job, where configs/platform.yml's do not fit schedules of your own."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.overdue_after_seconds), keys(local.jobs))) == 0
    error_message = "overdue_after_seconds names a job that configs/platform.yml does not have."
  }
  validation {
    condition     = alltrue([for seconds in values(var.overdue_after_seconds) : seconds >= 60 && seconds <= 90000])
    error_message = "Cloud Monitoring looks back 25 hours at most: overdue_after_seconds is from 60 to 90000."
  }
}

variable "schedules_paused" {
  description = "Make the scheduler's jobs paused: the platform is up and runs nothing by itself."
  type        = bool
  default     = false
}

variable "scheduler_admin_key" {
  description = "Send this X-Admin-Key with the scheduler's calls, as the first version of the platform did. Off by default: the calls prove themselves by OIDC, and the key would sit readable in the state and in the jobs."
  type        = string
  default     = null
  sensitive   = true
}

# What guards the wallet and the data.

variable "settings" {
  description = "Settings of the functions (shared/configuration/settings.py) that differ from the product's defaults, by name, for example { LEASE_SECONDS = \"600\" }. A function gets those that configs/platform.yml lists for it."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.tunable_settings)) == 0
    error_message = "settings may hold KICK_BUCKET_SECONDS, EXECUTION_BUDGET_SECONDS, EXECUTION_GRACE_SECONDS, HEARTBEAT_SECONDS, LEASE_SECONDS, RETRY_BASE_SECONDS, MAX_BYTES_BILLED, ALLOW_OTHER_LOCATION, KEY_SECONDS, LOOK_SECONDS, REQUESTS_AT_ONCE, QUERIES_AT_ONCE and QUERIES_PER_MINUTE."
  }
}

variable "log_level" {
  description = "The least severity the functions log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level is DEBUG, INFO, WARNING or ERROR."
  }
}

variable "gateway_requests_per_minute" {
  description = "With public_access = api_gateway: requests a minute that the gateway lets through for each Google project whose API key callers send as ?key=..., and none without one; beyond it they get 429. 0: no quota of the gateway's."
  type        = number
  default     = 0

  validation {
    condition     = floor(var.gateway_requests_per_minute) == var.gateway_requests_per_minute && var.gateway_requests_per_minute >= 0 && (var.gateway_requests_per_minute == 0 || var.public_access == "api_gateway")
    error_message = "gateway_requests_per_minute is a whole number, and needs public_access = api_gateway: there is no gateway otherwise."
  }
}

variable "daily_query_tebibytes" {
  description = "On-demand bytes, in TiB, that BigQuery may bill this project per day; queries beyond it fail until midnight Pacific time. 0: no quota of ours."
  type        = number
  default     = 5

  validation {
    condition     = var.daily_query_tebibytes >= 0
    error_message = "daily_query_tebibytes is not negative."
  }
}

variable "partition_expiration_days" {
  description = "Days after which a partitioned central table's partitions expire, by table, where it is to differ from configs/tables; for example { scheduled_pipeline_runs = 730 }."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for table in keys(var.partition_expiration_days) : can(local.tables[table].partition)])
    error_message = "partition_expiration_days names a table that is not partitioned."
  }
  validation {
    condition     = alltrue([for days in values(var.partition_expiration_days) : days >= 1])
    error_message = "A partition lives a day at least."
  }
}

variable "deletion_protection" {
  description = "Refuse to destroy the central tables and what is in them."
  type        = bool
  default     = true
}

variable "cmek" {
  description = "Cloud KMS keys of yours, by full name: dataset_key (in bigquery_location) encrypts the platform's datasets and those made for tenants from then on, bucket_key (in region) the source bucket. Empty: Google's keys."
  type = object({
    dataset_key = optional(string, "")
    bucket_key  = optional(string, "")
  })
  default = {}

  validation {
    condition = alltrue([
      for key in values(var.cmek) : key == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", key))
    ])
    error_message = "A key of cmek is projects/.../locations/.../keyRings/.../cryptoKeys/..."
  }
}

variable "key_protection_level" {
  description = "SOFTWARE or HSM: where the key for tenants' credentials lives."
  type        = string
  default     = "SOFTWARE"

  validation {
    condition     = contains(["SOFTWARE", "HSM"], var.key_protection_level)
    error_message = "key_protection_level is SOFTWARE or HSM."
  }
}

variable "notification_channels" {
  description = "Full names of Cloud Monitoring notification channels that exist already and are told of alerts too."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", name))])
    error_message = "notification_channels are full names: projects/PROJECT/notificationChannels/NUMBER."
  }
}

variable "oldest_waiting_minutes" {
  description = "Alert when a run that could start has waited this long."
  type        = number
  default     = 30

  validation {
    condition     = var.oldest_waiting_minutes > 0
    error_message = "oldest_waiting_minutes is above 0."
  }
}

variable "failure_percent" {
  description = "Alert when more than this share of the runs that ended within an hour failed for good, and at least five did."
  type        = number
  default     = 20

  validation {
    condition     = var.failure_percent >= 0 && var.failure_percent < 100
    error_message = "failure_percent is from 0 up to, but not including, 100."
  }
}

variable "labels" {
  description = "Labels for every resource that takes labels, beside application and managed_by."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "Labels are lowercase letters, digits, hyphens and underscores, at most 63; a key begins with a letter."
  }
  validation {
    condition     = length(setintersection(keys(var.labels), ["application", "managed_by"])) == 0
    error_message = "application and managed_by are the platform's own labels."
  }
}

variable "runtime" {
  description = "The functions' runtime. The pinned requirements are compiled for Python 3.11 and newer and tested with 3.11."
  type        = string
  default     = "python311"

  validation {
    condition     = can(regex("^python31[1-9]$", var.runtime))
    error_message = "runtime is python311 or newer."
  }
}
