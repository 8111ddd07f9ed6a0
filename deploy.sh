#!/usr/bin/env bash
# Puts the platform into a Google Cloud project, shows what would change, says where it is, or takes it down again.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
SOURCES="$ROOT/terraform"
REQUIRED_VARIABLES="project_id region bigquery_location alert_email"
MINIMUM_TERRAFORM="1.9.0"

COMMAND=""
VARIABLES_FILE="$SOURCES/terraform.tfvars"
STATE_BUCKET="${STATE_BUCKET:-}"
ASSUME_YES=false
FORGET_KEY=false
SMOKE_TEST=false
TERRAFORM="${TERRAFORM:-}"
SMOKE_PYTHON="${SMOKE_PYTHON:-$ROOT/.venv/bin/python}"
export TF_IN_AUTOMATION=1 TF_INPUT=0

usage() {
  cat <<'HELP'
usage: ./deploy.sh COMMAND [OPTIONS]

commands
  plan                show what an apply would change
  apply               create or update everything, then print the functions' URLs and the next steps
  urls                print the URLs of what is deployed
  rotate-admin-key    make a new admin key; the one before stays valid until the next rotation
  destroy             take everything down but the key that encrypts tenants' credentials

options
  --var-file FILE     variables (default terraform/terraform.tfvars; see terraform/terraform.tfvars.example)
  --state-bucket NAME keep Terraform's state in this Cloud Storage bucket, which is made if it is not there (also:
                      STATE_BUCKET). Remembered in terraform/backend.tf. Without one the state is on this machine.
  --yes               ask nothing
  --smoke-test        after apply, run test_e2e_complete.py against what was deployed; wants the SMOKE_ variables
  --forget-key        with destroy: drop the key from Terraform's state first; Google keeps it
  --help              this text

environment
  TERRAFORM           the command to use; otherwise terraform, or else tofu
  ADMIN_KEY           the admin key to store, at least 32 characters, instead of a generated one
  SMOKE_GCP_KEY, SMOKE_EXPORT_TABLE, SMOKE_DATE
                      a service-account key file, the billing export it may read, and a day (YYYY-MM-DD) with rows in it
  SMOKE_PYTHON        an interpreter that has requirements-dev.txt (default .venv/bin/python, which make setup makes)
HELP
}

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'deploy.sh: %s\n' "$*" >&2
  exit 2
}

parse_arguments() {
  while [[ $# -gt 0 ]]; do
    case "$1" in
      --help | -h) usage; exit 0 ;;
      --var-file) VARIABLES_FILE="$(absolute "${2:?--var-file needs a file}")"; shift ;;
      --state-bucket) STATE_BUCKET="${2:?--state-bucket needs a name}"; shift ;;
      --yes) ASSUME_YES=true ;;
      --smoke-test) SMOKE_TEST=true ;;
      --forget-key) FORGET_KEY=true ;;
      plan | apply | urls | rotate-admin-key | destroy)
        [[ -z "$COMMAND" ]] || fail "one command at a time, not $COMMAND and $1"
        COMMAND="$1"
        ;;
      *) fail "unknown argument $1; see ./deploy.sh --help" ;;
    esac
    shift
  done
  if [[ -z "$COMMAND" ]]; then
    usage
    exit 2
  fi
}

absolute() { case "$1" in /*) say "$1" ;; *) say "$PWD/$1" ;; esac; }

# The value of a variable: from the file, or else from TF_VAR_name. Plain strings only, which is what we ask for.
variable() {
  local value=""
  if [[ -f "$VARIABLES_FILE" ]]; then
    value="$(sed -nE "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"([^\"]*)\".*/\1/p" "$VARIABLES_FILE" | tail -n 1)"
  fi
  local from_environment="TF_VAR_$1"
  say "${value:-${!from_environment:-}}"
}

is_set() {
  [[ -n "${!2-}" ]] || { [[ -f "$VARIABLES_FILE" ]] && grep -qE "^[[:space:]]*$1[[:space:]]*=" "$VARIABLES_FILE"; }
}

# Everything that is missing, at once: nobody wants to find out one by one.
check_prerequisites() {
  local missing=() name
  if [[ -z "$TERRAFORM" ]]; then
    TERRAFORM="$(command -v terraform || command -v tofu || true)"
  fi
  if [[ -z "$TERRAFORM" ]] || ! command -v "$TERRAFORM" >/dev/null; then
    missing+=("terraform (or tofu) $MINIMUM_TERRAFORM or newer")
  elif ! recent_terraform; then
    missing+=("a newer $(basename "$TERRAFORM"): $MINIMUM_TERRAFORM at least, this is $(terraform_version)")
  fi
  command -v python3 >/dev/null || missing+=("python3, which packs the functions")
  command -v gcloud >/dev/null || missing+=("gcloud, the Google Cloud CLI")
  for name in $REQUIRED_VARIABLES; do
    is_set "$name" "TF_VAR_$name" || missing+=("the variable $name, in $VARIABLES_FILE or as TF_VAR_$name")
  done
  for name in "$ROOT"/functions/*/main.py; do
    [[ -f "$(dirname "$name")/requirements.txt" ]] || missing+=("$(dirname "$name")/requirements.txt (make lock)")
  done
  if command -v gcloud >/dev/null && ! gcloud auth application-default print-access-token >/dev/null 2>&1; then
    missing+=("credentials: gcloud auth application-default login")
  fi
  if $SMOKE_TEST; then
    for name in SMOKE_GCP_KEY SMOKE_EXPORT_TABLE SMOKE_DATE; do
      [[ -n "${!name:-}" ]] || missing+=("$name in the environment, for --smoke-test")
    done
    [[ -x "$SMOKE_PYTHON" ]] || missing+=("$SMOKE_PYTHON (make setup), for --smoke-test")
  fi
  if [[ ${#missing[@]} -gt 0 ]]; then
    printf 'deploy.sh: missing:\n' >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 2
  fi
}

terraform_version() {
  "$TERRAFORM" version | sed -nE '1s/^[A-Za-z]+ v([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'
}

recent_terraform() {
  [[ "$(printf '%s\n%s\n' "$MINIMUM_TERRAFORM" "$(terraform_version)" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" == "$MINIMUM_TERRAFORM" ]]
}

confirm() {
  $ASSUME_YES && return
  [[ -t 0 ]] || fail "$1 needs a yes: run it in a terminal, or with --yes"
  local answer
  read -r -p "$1 (yes/no) " answer
  [[ "$answer" == yes ]] || fail "nothing was changed"
}

# Without a file all variables come from the environment.
variables_option() {
  if [[ -f "$VARIABLES_FILE" ]]; then say "-var-file=$VARIABLES_FILE"; else say "-compact-warnings"; fi
}

tf() { "$TERRAFORM" -chdir="$SOURCES" "$@"; }

prepare_state() {
  if [[ -n "$STATE_BUCKET" ]]; then
    if ! gcloud storage buckets describe "gs://$STATE_BUCKET" >/dev/null 2>&1; then
      confirm "The state bucket gs://$STATE_BUCKET is not there. Make it?"
      gcloud storage buckets create "gs://$STATE_BUCKET" --project="$(variable project_id)" \
        --location="$(variable region)" --uniform-bucket-level-access --public-access-prevention
      gcloud storage buckets update "gs://$STATE_BUCKET" --versioning
    fi
    cat >"$SOURCES/backend.tf" <<HCL
# Written by deploy.sh --state-bucket; not under version control.
terraform {
  backend "gcs" {
    bucket = "$STATE_BUCKET"
    prefix = "convergence"
  }
}
HCL
  elif [[ ! -f "$SOURCES/backend.tf" ]]; then
    say "Terraform's state is kept in $SOURCES; use --state-bucket when more than one person deploys."
  fi
}

initialise() {
  step "Preparing Terraform"
  prepare_state
  tf init -upgrade=false
}

make_plan() {
  step "Planning"
  mkdir -p "$SOURCES/build"
  tf plan "$(variables_option)" -out=build/deploy.tfplan
}

apply() {
  # Terraform reads the project before it can enable anything in it.
  gcloud services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com --project="$(variable project_id)"
  make_plan
  confirm "Apply this plan to $(variable project_id)?"
  step "Applying"
  if ! tf apply build/deploy.tfplan; then
    say "A first deployment can be faster than Google spreads new APIs, accounts and grants: wait a minute, then run it again."
    exit 1
  fi
  rm -f "$SOURCES/build/deploy.tfplan"
  step "Admin key"
  ensure_admin_key
  urls
  next_steps
  if $SMOKE_TEST; then smoke_test; fi
}

secrets() { gcloud secrets "$@" --project="$(variable project_id)"; }

add_admin_key() {
  local secret="$1" key="${ADMIN_KEY:-}"
  [[ -n "$key" ]] || key="$(python3 -c 'import secrets; print(secrets.token_urlsafe(48), end="")')"
  [[ ${#key} -ge 32 ]] || fail "ADMIN_KEY has fewer than 32 characters"
  printf '%s' "$key" | secrets versions add "$secret" --data-file=- --format='value(name)' | sed 's|.*/||'
}

ensure_admin_key() {
  local secret version
  secret="$(tf output -raw admin_key_secret)"
  if secrets versions describe current --secret="$secret" >/dev/null 2>&1; then
    say "There is one; ./deploy.sh rotate-admin-key replaces it."
    return
  fi
  version="$(add_admin_key "$secret")"
  secrets update "$secret" --update-version-aliases="current=$version" >/dev/null
  say "Made. Read it with: gcloud secrets versions access current --secret=$secret --project=$(variable project_id)"
}

rotate_admin_key() {
  local secret before version
  secret="$(tf output -raw admin_key_secret)"
  before="$(secrets versions describe current --secret="$secret" --format='value(name)' | sed 's|.*/||')"
  version="$(add_admin_key "$secret")"
  secrets update "$secret" --update-version-aliases="current=$version,previous=$before" >/dev/null
  say "Version $version is current; version $before stays valid as the previous one. Functions follow within five minutes."
}

urls() {
  step "URLs"
  local gateway
  gateway="$(tf output -raw api_url)"
  if [[ -n "$gateway" ]]; then say "Tenants' routes: $gateway"; fi
  tf output -json routes | python3 -c '
import json, sys
for route, url in sorted(json.load(sys.stdin).items(), key=lambda item: item[1]):
    print(f"{route.split()[0]:6} {url}")'
}

next_steps() {
  step "Next"
  cat <<'NEXT'
1. Confirm the mail that Cloud Monitoring sent to alert_email, if this is the first deployment.
2. Put a tenant's profile, subscription and API key into the central tables (the subscription system's job).
3. Ask the tenant to grant the worker's account read access to its billing export, or to send a credential.
4. POST the credential, then POST a run: COMPLETE_FLOWS.md has the calls.
docs/runbook/ says how to upgrade, rotate, restore and take it down.
NEXT
}

smoke_test() {
  step "Smoke test"
  local urls="$SOURCES/build/function_urls.json" secret key
  tf output -json function_urls >"$urls"
  secret="$(tf output -raw admin_key_secret)"
  key="$(secrets versions access current --secret="$secret")"
  (cd "$ROOT" && CONVERGENCE_ADMIN_KEY="$key" "$SMOKE_PYTHON" test_e2e_complete.py --urls "$urls" \
    --project "$(variable project_id)" --bigquery-location "$(variable bigquery_location)" \
    --gcp-key "$SMOKE_GCP_KEY" --export-table "$SMOKE_EXPORT_TABLE" --date "$SMOKE_DATE")
}

destroy() {
  if $FORGET_KEY; then
    confirm "Drop the key from Terraform's state? Google keeps the key itself."
    local resource known
    known="$(tf state list)"
    for resource in google_kms_crypto_key.credentials google_kms_key_ring.platform; do
      if grep -qxF "$resource" <<<"$known"; then tf state rm "$resource"; fi
    done
  fi
  confirm "Destroy the platform in $(variable project_id)? Tenants' own datasets stay."
  step "Destroying"
  if ! tf destroy "$(variables_option)" -auto-approve; then
    say "Central tables are protected until deletion_protection = false has been applied, and the key that encrypts"
    say "tenants' credentials always is: --forget-key leaves it behind. See 'Tear-down' in docs/runbook/."
    exit 1
  fi
}

main() {
  parse_arguments "$@"
  check_prerequisites
  initialise
  case "$COMMAND" in
    plan) make_plan ;;
    apply) apply ;;
    urls) urls ;;
    rotate-admin-key) rotate_admin_key ;;
    destroy) destroy ;;
  esac
}

main "$@"
