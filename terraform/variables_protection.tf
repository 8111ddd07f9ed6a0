# The limits that protect the budget, and the keys and locks that protect the data.

variable "gateway_requests_per_minute" {
  description = <<-EOT
    The gateway's quota with public_access = api_gateway: requests a minute for each Google project whose API key
    callers send as ?key=... Requests without a key are refused, and requests beyond the quota get 429. 0 means no
    quota.
  EOT
  type        = number
  default     = 0

  validation {
    condition     = can(regex("^[0-9]+$", var.gateway_requests_per_minute))
    error_message = "gateway_requests_per_minute must be a whole number."
  }
  validation {
    condition     = var.gateway_requests_per_minute == 0 || var.public_access == "api_gateway"
    error_message = "gateway_requests_per_minute needs public_access = api_gateway."
  }
}

variable "daily_query_tebibytes" {
  description = <<-EOT
    The bytes, in TiB, that BigQuery's on-demand queries may bill this project per day. Further queries fail until
    midnight Pacific time. 0 means no quota.
  EOT
  type        = number
  default     = 5

  validation {
    condition     = var.daily_query_tebibytes >= 0
    error_message = "daily_query_tebibytes must not be negative."
  }
}

variable "partition_expiration_days" {
  description = <<-EOT
    Days after which partitions of a central table expire, by table, for tables that should differ from
    configs/tables, for example { scheduled_pipeline_runs = 730 }.
  EOT
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for table in keys(var.partition_expiration_days) : can(local.tables[table].partition)])
    error_message = <<-EOT
      partition_expiration_days names a table that is not partitioned. Only partitioned tables can be listed.
    EOT
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
  description = <<-EOT
    Your own Cloud KMS keys, by full name. dataset_key (in bigquery_location) encrypts the platform's datasets and
    tenants' datasets that are created later, bucket_key (in region) the source bucket. Without them Google's keys are
    used.
  EOT
  type = object({
    dataset_key = optional(string, "")
    bucket_key  = optional(string, "")
  })
  default = {}

  validation {
    condition = alltrue([
      for key in values(var.cmek) :
      key == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", key))
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
