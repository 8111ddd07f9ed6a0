# The contents of configs/, in the shapes that the other files use. A new function or table needs no change of these
# files.

data "google_project" "this" {}

locals {
  root     = "${path.module}/.."
  platform = yamldecode(file("${local.root}/configs/platform.yml"))
  tables = {
    for file in fileset("${local.root}/configs/tables/tenants", "*.yml") :
    trimsuffix(file, ".yml") => yamldecode(file("${local.root}/configs/tables/tenants/${file}"))
  }
  labels = merge({ application = local.platform.name, managed_by = "terraform" }, var.labels)

  functions         = local.platform.functions
  public_functions  = { for name, function in local.functions : name => function if function.access == "public" }
  private_functions = { for name, function in local.functions : name => function if function.access == "private" }
  operator_functions = toset([
    for name, function in local.private_functions : name if contains(function.environment, "ADMIN_KEY_SECRET")
  ])

  # Names of second-generation functions have no underscores. The same holds for their Cloud Run services, whose name
  # (K_SERVICE) is a function's only identity at run time.
  service_names = { for name in keys(local.functions) : name => replace(name, "_", "-") }

  # Cloud Run's URL with the project number is known before the service exists, so functions can name each other and
  # themselves. It is also the audience of every token for them.
  function_urls = {
    for name, service in local.service_names :
    name => "https://${service}-${data.google_project.this.number}.${var.region}.run.app"
  }
  function_paths = { for name, function in local.functions : name => split(" ", function.routes[0])[1] }

  # The URL at which browsers reach the console's pages: the gateway's, or the function's. A domain of one's own, such
  # as that of a load balancer, is set with settings = { CONSOLE_URL = "https://..." }.
  console_url = lookup(var.settings, "CONSOLE_URL", (
    local.gateway_enabled ? "https://${google_api_gateway_gateway.tenants[0].default_hostname}" : local.function_urls.console
  ))

  # The jobs of Cloud Scheduler, each with the function that it calls.
  jobs = {
    for name, function in local.functions :
    function.schedule.job => merge(function.schedule, { function = name }) if can(function.schedule.job)
  }
}
