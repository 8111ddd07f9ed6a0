# shellcheck shell=bash
# What deploy.sh needs before it begins: tools, versions, variables, credentials.

REQUIRED_VARIABLES="project_id region bigquery_location alert_email"
MINIMUM_TERRAFORM="1.9.0"
# Terraform reads the project and Google's service accounts in it before it can enable any API.
FIRST_APIS=(
  bigquery.googleapis.com cloudresourcemanager.googleapis.com serviceusage.googleapis.com storage.googleapis.com
)

# Prints a variable's value from the file, or else from TF_VAR_name. It reads plain strings only; we need no others.
variable() {
  local value=""
  if [[ -f "$VARIABLES_FILE" ]]; then
    value="$(sed -nE "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"([^\"]*)\".*/\1/p" "$VARIABLES_FILE" | tail -n 1)"
  fi
  local from_environment="TF_VAR_$1"
  say "${value:-${!from_environment:-}}"
}

# Whether a variable is set. An empty value counts: an empty alert_email means that nobody gets mail.
is_set() {
  local from_environment="TF_VAR_$1"
  [[ -n "${!from_environment+set}" ]] ||
    { [[ -f "$VARIABLES_FILE" ]] && grep -qE "^[[:space:]]*$1[[:space:]]*=" "$VARIABLES_FILE"; }
}

# Reports everything that is missing at once, so that nobody has to run this again for each missing thing.
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
  if [[ "$VARIABLES_FILE" != "$SOURCES/terraform.tfvars" ]]; then
    [[ -f "$VARIABLES_FILE" ]] || missing+=("the file $VARIABLES_FILE: cp $SOURCES/terraform.tfvars.example $VARIABLES_FILE")
    # Terraform always reads terraform.tfvars too, so the settings of one platform would get into another platform.
    [[ ! -f "$SOURCES/terraform.tfvars" ]] || missing+=("another name for $SOURCES/terraform.tfvars, beside --var-file")
  fi
  for name in $REQUIRED_VARIABLES; do
    is_set "$name" || missing+=("the variable $name, in $VARIABLES_FILE or as TF_VAR_$name")
  done
  if [[ "${missing[*]:-}" == *"the variable "* && ! -f "$VARIABLES_FILE" && -f "$VARIABLES_FILE.example" ]]; then
    missing+=("the file itself: cp $VARIABLES_FILE.example $VARIABLES_FILE")
  fi
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
    [[ -x "$DEPLOY_PYTHON" ]] || missing+=("$DEPLOY_PYTHON (make setup), for --smoke-test")
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

enable_first_apis() {
  gcloud services enable "${FIRST_APIS[@]}" --project="$(variable project_id)"
}

# The check before a plan, which must not change anything.
check_first_apis() {
  local project enabled api
  project="$(variable project_id)"
  enabled="$(gcloud services list --enabled --project="$project" --format='value(config.name)' || true)"
  for api in "${FIRST_APIS[@]}"; do
    grep -qxF "$api" <<<"$enabled" ||
      fail "Terraform cannot read the project yet: gcloud services enable ${FIRST_APIS[*]} --project=$project"
  done
}
