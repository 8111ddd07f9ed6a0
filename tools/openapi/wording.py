"""Loads the hand-written part of the API's description, the YAML files of contract/."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from shared.configuration.files import load_document
from shared.configuration.tables import Group
from shared.errors import ConfigError

Json = dict[str, Any]
CONTRACT = Path(__file__).with_name("contract")
_Kind = TypeVar("_Kind")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(_Strict):
    """A header or a path parameter. Only headers of answers say whether they are always present."""

    description: str
    schema_: Json
    required: bool | None = None
    example: str | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.rstrip("_"))


class Api(_Strict):
    """contract/api.yml."""

    title: str
    summary: str
    description: str
    server: str
    local_server: str
    security: dict[str, Json]
    tags: dict[str, str]
    request_headers: dict[str, Header]
    path_parameters: dict[str, Header]
    response_headers: dict[str, Header]


class ErrorExample(_Strict):
    """An example of an error's answer: the error's class, its facts, and a message if the default is unclear."""

    error: str
    detail: str | None = None
    facts: Json = {}


class ErrorStatus(_Strict):
    """One status of contract/errors.yml."""

    name: str
    description: str
    headers: list[str] = []
    examples: dict[str, ErrorExample]


class Example(_Strict):
    """A body that callers may send."""

    summary: str
    value: Json


class Body(_Strict):
    """A request's body: the name of its schema."""

    schema_: str
    required: bool
    examples: dict[str, Example] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.rstrip("_"))


class Success(_Strict):
    """An answer that is not an error. `links` maps names to the operations that take a value of this answer.

    `csv` is an example of the same answer as CSV, if the route offers CSV. `headers` are optional in the answer.
    """

    description: str
    schema_: str
    example: Json
    csv: str | None = None
    headers: list[str] = []
    links: dict[str, str] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.rstrip("_"))


class Operation(_Strict):
    """One route. `errors` describes the statuses that have a special meaning on this route."""

    operation_id: str
    tag: str
    summary: str
    description: str
    request_headers: list[str] = []
    query: str | None = None
    body: Body | None = None
    answers: dict[int, Success]
    errors: dict[int, str] = {}


class Shape(_Strict):
    """A schema of contract/answers*.yml."""

    description: str
    extends: str | None = None
    group: Group = "tenant_dataset"
    table: str | None = None
    columns: list[str] = []
    properties: dict[str, Json] = {}
    optional: list[str] = []


def _read(path: Path, kind: type[_Kind]) -> _Kind:
    return load_document(path).parsed(kind)


@cache
def get_api() -> Api:
    """The description of the API as a whole."""
    return _read(CONTRACT / "api.yml", Api)


@cache
def get_errors() -> dict[int, ErrorStatus]:
    """Every error status."""
    return _read(CONTRACT / "errors.yml", dict[int, ErrorStatus])


@cache
def get_shapes() -> dict[str, Shape]:
    """The schemas that no model of the product describes."""
    files = sorted(CONTRACT.glob("answers*.yml"))
    return {name: shape for file in files for name, shape in _read(file, dict[str, Shape]).items()}


@cache
def get_fields() -> dict[str, dict[str, str]]:
    """Descriptions of models' fields."""
    return _read(CONTRACT / "fields.yml", dict[str, dict[str, str]])


@cache
def get_operations(function: str) -> dict[str, Operation]:
    """A function's operations by route; raises ConfigError if the function is not described."""
    path = CONTRACT / "operations" / f"{function}.yml"
    if not path.is_file():
        raise ConfigError(f"{path.name}: {function} of configs/platform.yml is not described")
    return _read(path, dict[str, Operation])
