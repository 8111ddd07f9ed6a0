# `terraform test`, without a cloud: what the variables refuse, and who may call what.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}
mock_provider "google-beta" {}

variables {
  project_id        = "acme-costs"
  region            = "us-central1"
  bigquery_location = "US"
  alert_email       = "platform@example.com"
}

run "only_public_functions_are_public" {
  command = plan

  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.public) == keys(local.public_functions)
    error_message = "allUsers may call something else than the public functions"
  }
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.functions :
      (function.service_config[0].ingress_settings == "ALLOW_ALL") == contains(setunion(keys(local.public_functions), local.functions_for_people), name)
    ])
    error_message = "a private function takes calls from the internet"
  }
}

run "a_gateway_makes_nothing_public" {
  command = plan

  variables {
    public_access = "api_gateway"
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.public) == 0
    error_message = "allUsers may still call a function"
  }
}

run "a_zone_is_not_a_region" {
  command = plan

  variables {
    region = "us-central1-a"
  }
  expect_failures = [var.region]
}

run "a_wildcard_is_not_an_origin" {
  command = plan

  variables {
    allowed_origins = ["https://*"]
  }
  expect_failures = [var.allowed_origins]
}

run "an_admin_key_does_not_open_the_executor" {
  command = plan

  variables {
    admin_key_ingress = ["execute_run"]
  }
  expect_failures = [var.admin_key_ingress]
}

run "a_cron_expression_has_five_fields" {
  command = plan

  variables {
    schedules = { trigger = "0 0 * * * *" }
  }
  expect_failures = [var.schedules]
}

run "no_alert_looks_further_back_than_google_does" {
  command = plan

  variables {
    overdue_after_seconds = { trigger = 100000 }
  }
  expect_failures = [var.overdue_after_seconds]
}

run "labels_are_those_that_google_takes" {
  command = plan

  variables {
    labels = { Team = "FinOps" }
  }
  expect_failures = [var.labels]
}

run "nobody_and_everybody_are_no_keepers_of_the_key" {
  command = plan

  variables {
    reencryptors = ["allUsers"]
  }
  expect_failures = [var.reencryptors]
}

run "a_channel_has_its_full_name" {
  command = plan

  variables {
    notification_channels = ["platform@example.com"]
  }
  expect_failures = [var.notification_channels]
}

run "an_unknown_setting_is_refused" {
  command = plan

  variables {
    settings = { TENANT_TOKEN_URI = "http://127.0.0.1:1/token" }
  }
  expect_failures = [var.settings]
}
