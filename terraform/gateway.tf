# With public_access = api_gateway, tenants' routes are behind an API Gateway. It calls the functions with its own
# identity, and no function is public.

locals {
  gateway_enabled = var.public_access == "api_gateway"

  # How the gateway calls each function.
  gateway_backends = {
    for name, function in local.public_functions : name => {
      address          = local.function_urls[name]
      path_translation = "APPEND_PATH_TO_ADDRESS"
      jwt_audience     = local.function_urls[name]
      deadline         = function.timeout_seconds
    }
  }
  gateway_routes = flatten([
    for name, function in local.public_functions : [
      for route in function.routes : {
        function = name
        method   = lower(split(" ", route)[0])
        path     = split(" ", route)[1]
        is_page  = try(function.answers, "json") == "pages"
      }
    ]
  ])
  gateway_paths = {
    for path in distinct(local.gateway_routes[*].path) : path => merge(
      {
        for route in local.gateway_routes : route.method => merge({
          operationId        = "${route.function}_${route.method}_${substr(sha1(path), 0, 8)}"
          parameters         = local.path_parameters[path]
          responses          = { default = { description = "See docs/openapi.json" } }
          "x-google-backend" = local.gateway_backends[route.function]
        }, { for name, value in local.gateway_operation : name => value if !route.is_page }) if route.path == path
      },
      {
        # A browser's preflight goes to the function that has the path.
        for route in slice([for route in local.gateway_routes : route if route.path == path], 0, 1) : "options" => {
          operationId        = "${route.function}_options_${substr(sha1(path), 0, 8)}"
          parameters         = local.path_parameters[path]
          responses          = { default = { description = "CORS preflight" } }
          "x-google-backend" = local.gateway_backends[route.function]
        } if !route.is_page
      },
    )
  }
  path_parameters = {
    for path in distinct(local.gateway_routes[*].path) : path => [
      for name in flatten(regexall("\\{(\\w+)\\}", path)) :
      { name = name, in = "path", required = true, type = "string" }
    ]
  }
  # The gateway counts requests by the Google project of the caller's Google API key (?key=...). A preflight has no
  # key, and neither has a browser that shows the console's pages.
  # The two maps below are filtered and not chosen by a conditional, because its branches would need one type.
  gateway_counts = var.gateway_requests_per_minute > 0
  gateway_operation = {
    for name, value in {
      security         = [{ google_api_key = [] }]
      "x-google-quota" = { metricCosts = { requests = 1 } }
    } : name => value if local.gateway_counts
  }
  gateway_quota = {
    for name, value in {
      securityDefinitions = { google_api_key = { type = "apiKey", name = "key", in = "query" } }
      "x-google-management" = {
        metrics = [{ name = "requests", displayName = "Requests", valueType = "INT64", metricKind = "DELTA" }]
        quota = {
          limits = [{
            name   = "requests-per-minute"
            metric = "requests"
            unit   = "1/min/{project}"
            values = { STANDARD = var.gateway_requests_per_minute }
          }]
        }
      }
    } : name => value if local.gateway_counts
  }
  gateway_document = jsonencode(merge({
    swagger  = "2.0"
    info     = { title = "Convergence", version = "1" }
    schemes  = ["https"]
    produces = ["application/json"]
    paths    = local.gateway_paths
  }, local.gateway_quota))
}

resource "google_service_account" "gateway" {
  count = local.gateway_enabled ? 1 : 0

  account_id   = "cvg-gateway"
  display_name = "Convergence: gateway"
  description  = "The identity in which API Gateway calls tenants' functions"

  depends_on = [google_project_service.apis]
}

resource "google_cloud_run_v2_service_iam_member" "gateway" {
  for_each = { for name, function in local.public_functions : name => function if local.gateway_enabled }

  name     = google_cloudfunctions2_function.functions[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.gateway[0].member
}

resource "google_api_gateway_api" "tenants" {
  provider = google-beta
  count    = local.gateway_enabled ? 1 : 0

  api_id       = local.platform.name
  display_name = "Convergence"

  depends_on = [google_project_service.apis]
}

resource "google_api_gateway_api_config" "tenants" {
  provider = google-beta
  count    = local.gateway_enabled ? 1 : 0

  api                  = google_api_gateway_api.tenants[0].api_id
  api_config_id_prefix = "${local.platform.name}-"

  openapi_documents {
    document {
      path     = "openapi.json"
      contents = base64encode(local.gateway_document)
    }
  }

  gateway_config {
    backend_config {
      google_service_account = google_service_account.gateway[0].email
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_api_gateway_gateway" "tenants" {
  provider = google-beta
  count    = local.gateway_enabled ? 1 : 0

  gateway_id = local.platform.name
  region     = var.region
  api_config = google_api_gateway_api_config.tenants[0].id
}
