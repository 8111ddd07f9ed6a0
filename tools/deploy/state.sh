# shellcheck shell=bash
# Where deploy.sh keeps Terraform's state: on this machine, or in a bucket that terraform/backend.tf names.

initialise() {
  step "Preparing Terraform"
  local backend="$SOURCES/backend.tf" before="" kept="" options=(-upgrade=false)
  if [[ -f "$backend" ]]; then
    before="$(cat "$backend")"
    kept="$(sed -nE 's/^ *bucket *= *"([^"]*)"$/\1/p' "$backend")"
  fi
  if [[ -n "$STATE_BUCKET" && "$STATE_BUCKET" != "$kept" ]]; then
    make_bucket
    if [[ -n "$kept" ]] || holds_resources "$SOURCES/terraform.tfstate"; then
      check_no_state_in_bucket
      confirm "Move Terraform's state from ${kept:-this machine} to gs://$STATE_BUCKET?"
      options+=(-migrate-state -force-copy)
    fi
    write_backend "$backend"
  elif [[ -z "$STATE_BUCKET" && -z "$kept" ]]; then
    say "Terraform's state is kept in $SOURCES; use --state-bucket when more than one person deploys."
  fi
  if ! tf init "${options[@]}"; then
    if [[ -n "$before" ]]; then printf '%s\n' "$before" >"$backend"; else rm -f "$backend"; fi
    exit 1
  fi
  check_place
}

holds_resources() { [[ -f "$1" ]] && grep -q '"mode": "managed"' "$1"; }

make_bucket() {
  [[ "$STATE_BUCKET" =~ ^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$ ]] || fail "$STATE_BUCKET is not a bucket's name"
  if ! gcloud storage buckets describe "gs://$STATE_BUCKET" >/dev/null 2>&1; then
    confirm "The state bucket gs://$STATE_BUCKET is not there. Make it?"
    gcloud storage buckets create "gs://$STATE_BUCKET" --project="$(variable project_id)" \
      --location="$(variable region)" --uniform-bucket-level-access --public-access-prevention
    gcloud storage buckets update "gs://$STATE_BUCKET" --versioning
  fi
}

# One folder for each project, so that platforms in one bucket do not share a state.
state_prefix() { say "convergence/$(variable project_id)"; }

check_no_state_in_bucket() {
  local object
  object="gs://$STATE_BUCKET/$(state_prefix)/default.tfstate"
  if gcloud storage objects describe "$object" >/dev/null 2>&1; then
    fail "$object is there, and so is a state here: move away the one that is not this platform's"
  fi
}

write_backend() {
  cat >"$1" <<HCL
# Written by deploy.sh --state-bucket; not under version control.
terraform {
  backend "gcs" {
    bucket = "$STATE_BUCKET"
    prefix = "$(state_prefix)"
  }
}
HCL
}

# If the state and the variables belong to different platforms, Terraform would destroy one to create the other.
check_place() {
  local name kept wanted
  is_deployed || return 0
  for name in project_id region bigquery_location; do
    kept="$(tf output -json location | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$name")"
    wanted="$(variable "$name")"
    [[ "$kept" == "$wanted" ]] ||
      fail "the state belongs to a platform with $name = $kept, but the variables say $wanted;" \
        "deploy another platform from another checkout"
  done
}

is_deployed() { tf output -json location >/dev/null 2>&1; }
