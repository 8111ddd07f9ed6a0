"""Turns requests into models. Errors name every invalid field and never quote a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from shared.domain.requests.wording import worded
from shared.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)
_OF_FIELD = "of_field"


def _spelled_in_digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError("must be an integer")
    return value


IN_DIGITS = BeforeValidator(_spelled_in_digits)  # for integers in a query: pydantic alone reads 1_0 as 10, and 1.0 as 1


def _spelled_as_day(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be a day as YYYY-MM-DD")
    return value


def _spelled_as_moment(value: Any) -> Any:
    if isinstance(value, str) and not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", value):
        raise ValueError("must be a time with its offset, such as 2025-11-20T00:00:00Z")
    return value


# For days and moments in a query: pydantic alone reads 0 as a day and as a moment, both of 1970.
AS_DAY, AS_MOMENT = BeforeValidator(_spelled_as_day), BeforeValidator(_spelled_as_moment)


def wrong(field: str, message: str) -> PydanticCustomError:
    """An error that a check of a whole model finds, and that one of its fields can mend."""
    return PydanticCustomError(_OF_FIELD, "{message}", {"field": field, "message": message})


class NoBody(BaseModel):
    """The body of a request that takes none. It may be missing or an empty object."""

    model_config = ConfigDict(extra="forbid")


def validated(model: type[Model], value: Mapping[str, Any], *, within: str = "") -> Model:
    """`value` as a model. InvalidInput names every invalid field, with the prefix `within` if it is given."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = [
            {"field": _path(within, _location(item)), "message": worded(item)}
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidInput.of_fields(found) from None  # the cause has the values


def _location(error: ErrorDetails) -> tuple[int | str, ...]:
    return (*error["loc"], error["ctx"]["field"]) if error["type"] == _OF_FIELD else error["loc"]


def _path(within: str, location: tuple[int | str, ...]) -> str:
    return ".".join([within] * bool(within) + [str(part) for part in location]) or "body"
