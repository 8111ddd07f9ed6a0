# How the functions run, what they log, and when alerts fire.

variable "settings" {
  description = <<-EOT
    Settings of the functions (shared/configuration/settings.py) that differ from the product's defaults, by name, for
    example { LEASE_SECONDS = "600" }. A function gets the settings that configs/platform.yml lists for it.
  EOT
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

variable "notification_channels" {
  description = "Full names of existing Cloud Monitoring notification channels that also get the alerts."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for name in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", name))
    ])
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
  description = <<-EOT
    An alert fires when more than this percentage of the runs that ended within an hour failed, and at least five of
    them.
  EOT
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
      for key, value in var.labels :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = <<-EOT
      Labels must be lowercase letters, digits, hyphens and underscores, at most 63 characters, and a key must begin
      with a letter.
    EOT
  }
  validation {
    condition     = length(setintersection(keys(var.labels), ["application", "managed_by"])) == 0
    error_message = "labels must not contain application and managed_by, because the platform sets them."
  }
}

variable "runtime" {
  description = <<-EOT
    The runtime of the functions. The pinned requirements are compiled for Python 3.11 and newer and tested with 3.11.
  EOT
  type        = string
  default     = "python311"

  validation {
    condition     = can(regex("^python31[1-9]$", var.runtime))
    error_message = "runtime must be python311 or newer."
  }
}
