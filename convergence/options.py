"""The options and arguments that several commands share, and how they are read."""

from __future__ import annotations

from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer of the API as JSON.")]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="TENANT", help="The tenant; if it is left out, the one that the API key names."),
]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="How many to list.")]
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="A UTC day.")]
Pipeline = Annotated[str, typer.Argument(metavar="PIPELINE", help="Such as gcp/cost/billing.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template; may be repeated."),
]


def parts_of(pipeline: str) -> list[str]:
    """Provider, domain and template of a pipeline."""
    parts = pipeline.split("/") if "/" in pipeline else pipeline.split("-")
    if len(parts) != 3:
        raise typer.BadParameter(f"{pipeline} is not provider/domain/template, such as gcp/cost/billing")
    return parts


def named(parameters: list[str] | None) -> dict[str, Any]:
    """The parameters by name. true and false become booleans, which `allow_empty` needs."""
    named: dict[str, Any] = {}
    for parameter in parameters or ():
        name, equals, value = parameter.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{parameter} is not NAME=VALUE")
        named[name] = {"true": True, "false": False}.get(value, value)
    return named
