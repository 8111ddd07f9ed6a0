"""Lists, sets and removes a tenant's virtual tags."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from convergence.api import Json, open_api
from convergence.options import AsJson, Tenant
from convergence.output import print_json, print_lines, print_table, short_time

app = typer.Typer(help="List, set and remove virtual tags: rules that give each charge a value.", no_args_is_help=True)
_TAGS = "/api/v1/costs/{tenant_id}/virtual-tags"
Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as environment.")]


@app.command("list")
def list_tags(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List the virtual tags with their rules, in the order in which they apply."""
    found = open_api(tenant).get(_TAGS)
    if as_json:
        return print_json(found)
    rows = [row for tag in found["virtual_tags"] for row in _rows(tag)]
    return print_table(("tag", "value", "when", "set (UTC)"), rows, prose=["when"])


@app.command("set")
def set_tag(
    name: Name,
    rules: Annotated[
        typer.FileText, typer.Argument(metavar="FILE", encoding="utf-8", help="The rules as JSON; - is the input.")
    ],
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Store or replace a virtual tag. FILE has `rules` and may have `default`, as the body of the API's PUT."""
    answer = open_api(tenant).put(_path(name), _body(rules))
    print_json(answer) if as_json else print_lines(f"{name} is set; costs --by virtual:{name} groups by it")


@app.command()
def remove(name: Name, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Remove a virtual tag."""
    answer = open_api(tenant).delete(_path(name))
    print_json(answer) if as_json else print_lines(f"{name} is removed")


def _path(name: str) -> str:
    return f"{_TAGS}/{quote(name, safe='')}"


def _body(file: typer.FileText) -> Json:
    try:
        body = json.load(file)
    except ValueError as error:
        raise typer.BadParameter(f"{file.name} is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise typer.BadParameter(f"{file.name} is not a JSON object with `rules`")
    return body


def _rows(tag: Json) -> list[tuple[Any, ...]]:
    rows = [(tag["name"], rule["value"], " and ".join(map(_words, rule["when"]))) for rule in tag["rules"]]
    if tag["default"] is not None:
        rows.append((tag["name"], tag["default"], "(no rule matches)"))
    return [(*row, short_time(tag["updated_at"])) for row in rows]


def _words(condition: Json) -> str:
    operator = condition["operator"].replace("_", " ")
    return f"{condition['property']} {operator} {' or '.join(condition['values'])}"
