"""Makes sample values for a template's parameters, so that its checks can be validated without a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.domain.templates.check_options import Check, Range, bound_of
from shared.domain.templates.templates import Parameter, Template, substitute, template_variables
from shared.pipeline.shapes import staged_shape

_DAY = "2025-11-17"
_BY_TYPE = {"string": "text", "table": "a-project.billing.export", "integer": 1, "boolean": True}
BOUNDS: Mapping[str, tuple[type, str]] = {  # by the column's type: the type of a bound, and a sample
    "INTEGER": (Decimal, "1"),
    "FLOAT": (Decimal, "1"),
    "NUMERIC": (Decimal, "1"),
    "DATE": (date, _DAY),
    "TIMESTAMP": (datetime, f"{_DAY}T00:00:00Z"),
}


def sample_options(template: Template, check: Check) -> dict[str, Any]:
    """A check's options with filled placeholders. It raises ValueError if no request could give a valid value."""
    known = {name: _sample(parameter) for name, parameter in template.parameters.items()}
    variables = template_variables(template, "acme_corp", {"date": _DAY, **known})
    options: dict[str, Any] = substitute(check.with_.given(), variables)
    if isinstance(check, Range):
        _fill_bounds(template, check, options)
    return options


def _sample(parameter: Parameter) -> Any:
    if parameter.default is not None:
        return parameter.default
    if parameter.type == "integer":
        return parameter.minimum if parameter.minimum is not None else parameter.maximum or 1
    return parameter.values[0] if parameter.values else _BY_TYPE[parameter.type]


def _fill_bounds(template: Template, check: Range, options: dict[str, Any]) -> None:
    """Fill a bound that is a text parameter with a sample of the other bound's or the column's type."""
    bounds = {"minimum": check.with_.minimum, "maximum": check.with_.maximum}
    shape = staged_shape(template, check.step)
    types = {column.name: column.type for column in shape.columns} if shape else {}
    for name, other in (("minimum", "maximum"), ("maximum", "minimum")):
        if not isinstance(bounds[name], str):
            continue
        parameter = template.parameters.get(bounds[name].strip("{}"))
        if parameter and parameter.type == "string":
            _, options[name] = BOUNDS.get(types.get(check.with_.column, ""), BOUNDS["NUMERIC"])
        if type(bound_of(options[name])) is type(bounds[other]):
            options[name] = bounds[other]
