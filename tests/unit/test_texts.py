"""No message contains a regular expression."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import shared
from shared.domain.credentials.credentials import check_credentials
from shared.domain.requests.identifiers import check_tenant_id
from shared.domain.requests.texts import Text
from shared.errors import InvalidInput


def _models() -> Iterator[type[BaseModel]]:
    for found in pkgutil.walk_packages(shared.__path__, "shared."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    waiting = list(BaseModel.__subclasses__())
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith(("shared.", "functions.")):
            yield model


def _of_type(schema: Any, kind: str) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == kind:
            yield schema
        for value in schema.values():
            yield from _of_type(value, kind)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _of_type(value, kind)


def test_no_model_lets_pydantic_quote_a_pattern() -> None:
    schemas = {model.__name__: model.__pydantic_core_schema__ for model in _models()}
    assert {"ListRequest", "GcpServiceAccountKey", "ConfigRequest", "TemplateDocument"} <= schemas.keys()
    assert {
        name for name, schema in schemas.items() if any("pattern" in text for text in _of_type(schema, "str"))
    } == set()


def test_an_invalid_text_gets_its_rule_and_the_schema_has_the_pattern() -> None:
    rule = Text("[a-z]{2}", "must be two lowercase letters")
    assert rule.check("ab") == "ab"
    for text in ("abc", "a", "ab\n", "AB"):
        with pytest.raises(ValueError, match=rule.rule):
            rule.check(text)


@pytest.mark.parametrize("tenant_id", ["Acme", "ab", "1acme", "tenants", "x_meta", "a" * 64])
def test_an_invalid_tenant_id_is_refused_with_the_rule_in_words(tenant_id: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_tenant_id(tenant_id)
    assert "lowercase letter" in str(refused.value)
    assert "[" not in str(refused.value)


def test_every_invalid_field_of_a_credential_is_reported_in_words() -> None:
    wrong = {"role_arn": "x", "region": "x", "bucket": "-", "prefix": "\n"}
    with pytest.raises(InvalidInput) as refused:
        check_credentials("AWS", wrong, token_uris=frozenset(), own_project="platform")
    messages = {
        error["field"].removeprefix("credentials."): error["message"] for error in refused.value.facts["errors"]
    }
    assert messages.keys() == wrong.keys()
    for message in messages.values():
        assert message.startswith("must be ")
        assert not set(message) & {"\\", "["}
