# Who may call the functions, and from where.

variable "public_access" {
  description = <<-EOT
    The way in which tenants' routes become reachable: all_users (the usual way), invoker_check_disabled (if an
    organisation policy forbids allUsers; needs gcloud) or api_gateway.
  EOT
  type        = string
  default     = "all_users"

  validation {
    condition     = contains(["all_users", "invoker_check_disabled", "api_gateway"], var.public_access)
    error_message = "public_access must be all_users, invoker_check_disabled or api_gateway."
  }
}

variable "admin_key_ingress" {
  description = <<-EOT
    Scheduler functions that are reachable without a Google identity, so that an operator can call them with
    X-Admin-Key alone. They then refuse tokens whose signature Cloud Run removed.
  EOT
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.admin_key_ingress, local.operator_functions)) == 0
    error_message = <<-EOT
      admin_key_ingress may only name private functions that have ADMIN_KEY_SECRET and that Cloud Tasks does not call.
    EOT
  }
}

variable "operators" {
  description = <<-EOT
    Members (user:..., group:...) that may call the scheduler functions, with an ID token of the operator's account,
    or with their own token and X-Admin-Key. The functions then accept calls from the internet, and Cloud Run's IAM
    check decides about them.
  EOT
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for member in var.operators : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))
    ])
    error_message = "operators must be user:, group: or serviceAccount: members, never allUsers or a whole domain."
  }
}

variable "reencryptors" {
  description = <<-EOT
    Members that may act as the operator's account, to re-encrypt stored credentials after a rotation. They can
    decrypt every tenant's credentials, so keep the list empty at all other times.
  EOT
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for member in var.reencryptors : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))
    ])
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
