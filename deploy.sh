#!/usr/bin/env bash
# Puts the platform into a Google Cloud project, shows what would change, says where it is, or takes it down again.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
SOURCES="$ROOT/terraform"
PLAN="$SOURCES/build/deploy.tfplan"
COMMAND=""
VARIABLES_FILE="$SOURCES/terraform.tfvars"
STATE_BUCKET="${STATE_BUCKET:-}"
ASSUME_YES=false
FORGET_KEY=false
SMOKE_TEST=false
TERRAFORM="${TERRAFORM:-}"
DEPLOY_PYTHON="${DEPLOY_PYTHON:-$ROOT/.venv/bin/python}"
export TF_IN_AUTOMATION=1 TF_INPUT=0
umask 077                 # plan and local state contain every variable, also secret ones
trap 'rm -f "$PLAN"' EXIT # also after Ctrl-C

# shellcheck source=tools/deploy/prerequisites.sh
source "$ROOT/tools/deploy/prerequisites.sh"
# shellcheck source=tools/deploy/state.sh
source "$ROOT/tools/deploy/state.sh"

usage() {
  cat <<'HELP'
usage: ./deploy.sh COMMAND [OPTIONS]

commands
  plan                show what an apply would change, also in tenants' tables
  apply               create or update everything, tenants' tables before the functions that write into them, then print
                      the functions' URLs and the next steps
  urls                print the URLs of what is deployed
  rotate-admin-key    make a new admin key; the previous key stays valid until the next rotation
  rotate-console-key  make a new key for the console's sessions; the previous key stays valid until the next rotation
  destroy             destroy everything except the key that encrypts tenants' credentials

options
  --var-file FILE     variables (default terraform/terraform.tfvars; see terraform/terraform.tfvars.example)
  --state-bucket NAME keep Terraform's state in this Cloud Storage bucket, and create the bucket if it is missing (also:
                      STATE_BUCKET). terraform/backend.tf keeps the name. Without a bucket the state is on this machine.
  --yes               ask nothing
  --smoke-test        after apply, run test_e2e_complete.py against what was deployed; wants the SMOKE_ variables
  --forget-key        with destroy: drop the key from Terraform's state first; Google keeps it
  --help              this text

environment
  TERRAFORM           the command to use; otherwise terraform, or else tofu
  ADMIN_KEY           the admin key to store, at least 32 characters, instead of a generated one
  SMOKE_GCP_KEY, SMOKE_EXPORT_TABLE, SMOKE_DATE
                      a service-account key file, the billing export it may read, and a day (YYYY-MM-DD) with rows in it
  DEPLOY_PYTHON       an interpreter that has requirements/dev.txt (default .venv/bin/python, which make setup makes)
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
      --*=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --help | -h) usage; exit 0 ;;
      --var-file)
        VARIABLES_FILE="$(value_of "$@")"
        [[ "$VARIABLES_FILE" == /* ]] || VARIABLES_FILE="$PWD/$VARIABLES_FILE"
        shift
        ;;
      --state-bucket) STATE_BUCKET="$(value_of "$@")"; shift ;;
      --yes) ASSUME_YES=true ;;
      --smoke-test) SMOKE_TEST=true ;;
      --forget-key) FORGET_KEY=true ;;
      plan | apply | urls | rotate-admin-key | rotate-console-key | destroy)
        [[ -z "$COMMAND" ]] || fail "one command at a time, not $COMMAND and $1"
        COMMAND="$1"
        ;;
      *) fail "unknown argument $1; see ./deploy.sh --help" ;;
    esac
    shift
  done
  STATE_BUCKET="${STATE_BUCKET#gs://}"
  if [[ -z "$COMMAND" ]]; then
    usage
    exit 2
  fi
}

value_of() {
  [[ -n "${2:-}" ]] || fail "$1 needs a value"
  say "$2"
}

confirm() {
  $ASSUME_YES && return
  [[ -t 0 ]] || fail "$1 needs a yes: run it in a terminal, or with --yes"
  local answer=""
  read -r -p "$1 (yes/no) " answer || true
  [[ "$answer" == yes ]] || fail "nothing was changed"
}

# Without a file all variables come from the environment.
variables_option() {
  if [[ -f "$VARIABLES_FILE" ]]; then say "-var-file=$VARIABLES_FILE"; else say "-compact-warnings"; fi
}

tf() { "$TERRAFORM" -chdir="$SOURCES" "$@"; }

plan() {
  check_first_apis
  step "Planning"
  tf plan "$(variables_option)"
  if is_deployed; then migrate --dry-run; fi
}

apply() {
  enable_first_apis
  step "Planning"
  mkdir -p "$(dirname "$PLAN")"
  tf plan "$(variables_option)" -out="$PLAN"
  local has_tables=false
  if is_deployed; then
    has_tables=true
    migrate --dry-run
  fi
  confirm "Apply this plan to $(variable project_id)?"
  if $has_tables; then migrate; fi
  step "Applying"
  if ! tf apply "$PLAN"; then
    say "In a first deployment new APIs, accounts and grants may not be effective everywhere yet:"
    say "wait a minute, then run it again."
    exit 1
  fi
  # For tables that the old functions made in the meantime, and for accounts that there were not before.
  if $has_tables; then migrate --grants; fi
  step "Keys"
  ensure_admin_key
  ensure_console_key
  urls
  next_steps
  if $SMOKE_TEST; then smoke_test; fi
}

# New functions write columns that older tables do not have; the old functions ignore them. A first apply has no tables.
migrate() {
  step "Tables that exist${1:+ ($1)}"
  (cd "$ROOT" && PROJECT_ID="$(variable project_id)" BIGQUERY_LOCATION="$(variable bigquery_location)" \
    "$DEPLOY_PYTHON" -m shared.commands.migrate "$@") || fail "tables that exist are not as the new version needs them: see above"
}

secrets() { gcloud secrets "$@" --project="$(variable project_id)"; }

new_key() { python3 -c 'import secrets; print(secrets.token_urlsafe(48), end="")'; }

# Stores a value and prints the number of its version.
add_version() { printf '%s' "$2" | secrets versions add "$1" --data-file=- --format='value(name)' | sed 's|.*/||'; }

add_admin_key() {
  local secret="$1" key="${ADMIN_KEY:-}"
  [[ -n "$key" ]] || key="$(new_key)"
  [[ ${#key} -ge 32 ]] || fail "ADMIN_KEY has fewer than 32 characters"
  [[ ! "$key" =~ [^[:graph:]] ]] || fail "ADMIN_KEY has a space, a line break or another character that no header takes"
  add_version "$secret" "$key"
}

# The number of the current version; nothing where there is none.
current_version() { secrets describe "$1" --format='value(versionAliases.current)'; }

ensure_admin_key() {
  local secret version
  secret="$(tf output -raw admin_key_secret)"
  version="$(current_version "$secret")"
  if [[ -n "$version" ]]; then
    say "There is an admin key; ./deploy.sh rotate-admin-key replaces it."
    return
  fi
  version="$(add_admin_key "$secret")"
  secrets update "$secret" --update-version-aliases="current=$version" >/dev/null
  say "The admin key is made. Read it with:"
  say "gcloud secrets versions access current --secret=$secret --project=$(variable project_id)"
}

rotate_admin_key() {
  local secret before version
  secret="$(tf output -raw admin_key_secret)"
  before="$(current_version "$secret")"
  [[ -n "$before" ]] || fail "there is no admin key yet; ./deploy.sh apply makes the first"
  version="$(add_admin_key "$secret")"
  secrets update "$secret" --update-version-aliases="current=$version,previous=$before" >/dev/null
  say "Version $version is current; version $before stays valid as the previous one. Functions follow within five minutes."
}

ensure_console_key() {
  local secret version
  secret="$(tf output -raw console_key_secret)"
  version="$(current_version "$secret")"
  if [[ -n "$version" ]]; then
    say "There is a key for the console's sessions; ./deploy.sh rotate-console-key replaces it."
    return
  fi
  version="$(add_version "$secret" "$(new_key)")"
  secrets update "$secret" --update-version-aliases="current=$version" >/dev/null
  say "The key for the console's sessions is made. Nobody needs to read it."
}

rotate_console_key() {
  local secret before version
  secret="$(tf output -raw console_key_secret)"
  before="$(current_version "$secret")"
  [[ -n "$before" ]] || fail "there is no key for the console yet; ./deploy.sh apply makes the first"
  version="$(add_version "$secret" "$(new_key)")"
  secrets update "$secret" --update-version-aliases="current=$version,previous=$before" >/dev/null
  say "Version $version is current; sessions of version $before stay valid. A second rotation ends them."
}

urls() {
  step "URLs"
  say "Console: $(tf output -raw console_url)"
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
2. Onboard the first tenant: .venv/bin/python -m convergence tenants onboard TENANT_ID prints its API key.
3. Ask the tenant for a credential, or to let the worker's account impersonate one: docs/runbook/ says what it grants.
4. POST the credential, then POST a run: COMPLETE_FLOWS.md has the calls.
docs/runbook/ says how to upgrade, rotate, restore and take it down.
NEXT
}

smoke_test() {
  step "Smoke test"
  local urls="$SOURCES/build/function_urls.json" secret key token=""
  tf output -json function_urls >"$urls"
  secret="$(tf output -raw admin_key_secret)"
  key="$(secrets versions access current --secret="$secret")"
  # A person's token is taken for every function; a service account's is made for each, by the test itself.
  if [[ "$(gcloud config get-value account 2>/dev/null)" != *.gserviceaccount.com ]]; then
    token="$(gcloud auth print-identity-token)"
  fi
  (cd "$ROOT" && CONVERGENCE_ADMIN_KEY="$key" CONVERGENCE_ID_TOKEN="$token" "$DEPLOY_PYTHON" test_e2e_complete.py --urls "$urls" \
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
    urls | rotate-admin-key | rotate-console-key) is_deployed || fail "nothing is deployed yet: ./deploy.sh apply" ;;
    plan | apply)
      if is_deployed; then [[ -x "$DEPLOY_PYTHON" ]] || fail "tables that exist need $DEPLOY_PYTHON (make setup)"; fi
      ;;
  esac
  case "$COMMAND" in
    plan) plan ;;
    apply) apply ;;
    urls) urls ;;
    rotate-admin-key) rotate_admin_key ;;
    rotate-console-key) rotate_console_key ;;
    destroy) destroy ;;
  esac
}

main "$@"
