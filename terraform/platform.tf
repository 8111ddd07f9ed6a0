# What configs/ says, in the shapes the other files use. A new function or table needs nothing here.

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

  # Second generation functions are named without underscores; so are their Cloud Run services, their only identity
  # at run time (K_SERVICE).
  service_names = { for name in keys(local.functions) : name => replace(name, "_", "-") }

  # Cloud Run's URL by project number is known before the service is, so that functions can name each other and
  # themselves. It is also the audience of every token that is made for them.
  function_urls = {
    for name, service in local.service_names :
    name => "https://${service}-${data.google_project.this.number}.${var.region}.run.app"
  }
  function_paths = { for name, function in local.functions : name => split(" ", function.routes[0])[1] }

  jobs = { for name, function in local.functions : function.schedule.job => merge(function.schedule, { function = name }) if can(function.schedule.job) }
}
