"""Fills the templates in shared/console/templates. Every value is escaped, and a missing one is an error."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.console.assets import asset_url
from shared.console.formats import amount, change, clock, day, moment, seconds, share, span

_FOLDER = Path(__file__).parent / "templates"


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page as HTML."""
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """The templates, with the functions that they may use."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset_url
    made.filters["exact_amount"] = lambda text: amount(Decimal(text))  # amounts of alerts are texts
    formats = (amount, change, clock, day, moment, seconds, share, span)
    made.filters |= {each.__name__: each for each in formats}
    return made
