"""Turns requests into models. Errors name every invalid field and never quote a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from shared.domain.requests.wording import worded
from shared.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)


def _spelled_in_digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError("must be an integer")
    return value


IN_DIGITS = BeforeValidator(_spelled_in_digits)  # for integers in a query: pydantic alone reads 1_0 as 10, and 1.0 as 1


class NoBody(BaseModel):
    """The body of a request that takes none. It may be missing or an empty object."""

    model_config = ConfigDict(extra="forbid")


def validated(model: type[Model], value: Mapping[str, Any], *, within: str = "") -> Model:
    """`value` as a model. InvalidInput names every invalid field, with the prefix `within` if it is given."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = [
            {"field": _path(within, item["loc"]), "message": worded(item)}
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidInput.of_fields(found) from None  # the cause has the values


def _path(within: str, location: tuple[int | str, ...]) -> str:
    return ".".join([within] * bool(within) + [str(part) for part in location]) or "body"
