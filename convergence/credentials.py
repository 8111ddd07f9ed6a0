"""Lists and checks stored credentials, and prints the steps that a cloud's administrator has to do."""

from __future__ import annotations

from typing import Annotated

import typer

from convergence.api import REFUSED, open_api
from convergence.options import AsJson, Tenant
from convergence.output import print_json, print_lines, print_table, short_time

app = typer.Typer(help="List and try stored credentials, or encrypt all tenants' anew.", no_args_is_help=True)
_CREDENTIALS = "/api/v1/tenants/{tenant_id}/credentials"
Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="GCP, AWS or AZURE.")]


@app.command("list")
def list_credentials(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List the tenant's stored credentials. No secret is shown."""
    found = open_api(tenant).get(_CREDENTIALS)
    if as_json:
        return print_json(found)
    rows = [
        (
            stored["provider"],
            stored["credential_kind"],
            stored["source"],
            short_time(stored["updated_at"] or stored["created_at"]),
        )
        for stored in found["credentials"]
    ]
    return print_table(("provider", "kind", "source", "stored (UTC)"), rows)


@app.command()
def verify(provider: Provider, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Check a stored credential by using it as a run does; status 1 if a run could not read."""
    found = open_api(tenant).post(f"{_CREDENTIALS}/{provider.upper()}/verify")
    if as_json:
        print_json(found)
    else:
        said = "can be read" if found["verified"] else "cannot be read"
        print_lines(f"{found['provider']}: {found['source'] or 'the source'} {said}")
        print_lines(*(f"{problem['field']}: {problem['message']}" for problem in found["problems"]))
        print_lines(*(f"warning: {warning}" for warning in found["warnings"]))
    if not found["verified"]:
        raise typer.Exit(REFUSED)


@app.command()
def setup(provider: Provider, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Print what to paste into a cloud, so that the platform may read there without a key."""
    found = open_api(tenant).get(f"{_CREDENTIALS}/setup", provider=provider.upper())
    if as_json:
        return print_json(found)
    for number, step in enumerate(found["steps"]):
        print_lines("" if number else None, f"# {step['title']}", step["paste"])
    return None
