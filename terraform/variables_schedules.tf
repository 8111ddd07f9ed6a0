# When the scheduler's jobs run.

variable "schedules" {
  description = "Cron expressions (UTC) by job, for jobs whose schedule differs from configs/platform.yml."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.schedules), keys(local.jobs))) == 0
    error_message = "schedules names a job that configs/platform.yml does not have. Use a job's name from there."
  }
  validation {
    condition = alltrue([
      for cron in values(var.schedules) : can(regex("^[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}$", cron))
    ])
    error_message = "A cron expression must have five fields, for example \"*/10 * * * *\"."
  }
}

variable "overdue_after_seconds" {
  description = <<-EOT
    Seconds without a success after which a job is overdue, by job. Set them if your schedules differ from
    configs/platform.yml.
  EOT
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.overdue_after_seconds), keys(local.jobs))) == 0
    error_message = <<-EOT
      overdue_after_seconds names a job that configs/platform.yml does not have. Use a job's name from there.
    EOT
  }
  validation {
    condition     = alltrue([for seconds in values(var.overdue_after_seconds) : seconds >= 60 && seconds <= 90000])
    error_message = <<-EOT
      overdue_after_seconds must be from 60 to 90000, because Cloud Monitoring looks back 25 hours at most.
    EOT
  }
}

variable "schedules_paused" {
  description = "Whether the scheduler's jobs are paused. The platform then starts nothing by itself."
  type        = bool
  default     = false
}

variable "scheduler_admin_key" {
  description = <<-EOT
    An X-Admin-Key that the scheduler's calls send, as in the first version of the platform. It is off by default,
    because the calls authenticate by OIDC, and because the key would be readable in the state and in the jobs.
  EOT
  type        = string
  default     = null
  sensitive   = true
}
