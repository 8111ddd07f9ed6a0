"""Lists the pipelines that a tenant can run and schedule."""

from __future__ import annotations

from typing import Any

from convergence.api import Json, open_api
from convergence.options import AsJson, Tenant
from convergence.output import print_json, print_lines, print_table


def pipelines(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List the pipelines with their parameters."""
    found = open_api(tenant).get("/api/v1/pipelines/{tenant_id}")
    if as_json:
        return print_json(found)
    rows = [
        (
            each["pipeline_id"],
            each["credentials"],
            each["grain"],
            each["max_days"],
            "required" if each["needs_dates"] else "optional",
            ", ".join(each["tables"]),
        )
        for each in found["pipelines"]
    ]
    columns = ("pipeline", "credential", "replaces a", "days at most", "dates", "tables")
    print_table(columns, rows, numbers=["days at most"], prose=["tables"])
    print_lines("")
    parameters = [(each["pipeline_id"], *_row(named)) for each in found["pipelines"] for named in each["parameters"]]
    return print_table(
        ("pipeline", "parameter", "type", "default", "description"), parameters, prose=["type", "description"]
    )


def _row(parameter: Json) -> tuple[Any, ...]:
    return parameter["name"], _type(parameter), parameter["default"], parameter["description"]


def _type(parameter: Json) -> str:
    if parameter["values"]:
        return " or ".join(parameter["values"])
    reach = [f"{word} {parameter[name]}" for word, name in (("from", "minimum"), ("to", "maximum"))
             if parameter[name] is not None]  # fmt: skip
    return " ".join([parameter["type"], *reach])
