"""The options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer of the API as JSON.")]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="TENANT", help="The tenant; if it is left out, the one that the API key names."),
]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="How many to list.")]
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="A UTC day.")]
