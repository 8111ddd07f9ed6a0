"""docs/openapi.json describes every route, status, header and field of the product, and docs/api.md is made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from shared import errors
from shared.configuration.platform_config import get_platform
from shared.http import problems
from tools.openapi.client import FUNCTIONS, render_functions
from tools.openapi.document import DOCUMENT, api_functions, build_document, render
from tools.openapi.reference import REFERENCE, render_reference
from tools.openapi.wording import get_errors, get_fields

Json = dict[str, Any]
# The HTTP contract: every error status, and every header that a caller sends or reads.
STATUSES = {400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503}
SENT = {"X-API-Key", "X-Admin-Key", "X-User-ID", "Idempotency-Key", "X-Request-ID"}
READ = {
    "X-Request-ID", "Retry-After", "Allow", "Vary", "Access-Control-Allow-Origin", "WWW-Authenticate",
    "Idempotent-Replayed", "Location",
}  # fmt: skip


@cache
def document() -> Json:
    return build_document()


def operations() -> Iterator[tuple[str, Json]]:
    for path, item in document()["paths"].items():
        for method in item.keys() & {"get", "post", "patch", "delete", "put"}:
            yield f"{method.upper()} {path}", item[method]


def responses(operation: Json) -> dict[int, Json]:
    """An operation's answers by status, with their references followed."""
    known = document()["components"]["responses"]
    followed = {
        int(status): known[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }
    assert followed
    return followed


def error_classes() -> list[type[errors.ConvergenceError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]


def test_the_committed_document_is_the_generated_one() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run `make openapi`"


def test_the_committed_reference_is_the_generated_one() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == render_reference(document()), "run `make openapi`"


def test_the_committed_functions_of_the_typescript_client_are_the_generated_ones() -> None:
    assert FUNCTIONS.read_text(encoding="utf-8") == render_functions(), "run `make openapi`"


def test_the_reference_shows_each_route_with_a_request_and_every_answer() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    for route, operation in operations():
        section = page.partition(f"`{route}`\n\n")[2].partition("\n### ")[0]
        assert f"```http\n{route.split()[0]} /api/v1/" in section
        for status in operation["responses"]:
            assert f"**{status}** " in section or f"[{status}](#{status}-" in section


def test_the_reference_has_no_angle_bracket_that_markdown_takes_for_html() -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", REFERENCE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "<" not in prose


def test_every_route_is_described_and_no_other() -> None:
    routes = {route for function in api_functions().values() for route in function.routes}
    assert {route for route, _ in operations()} == routes


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)


def test_every_status_of_the_contract_is_described_and_can_be_answered() -> None:
    answered = {problems.status_of(kind()) for kind in error_classes()}
    assert get_errors().keys() == STATUSES | {500} == answered
    described = {status for _, operation in operations() for status in responses(operation) if status >= 400}
    assert described == STATUSES | {500}


def test_every_header_of_the_contract_is_described() -> None:
    components = document()["components"]
    sent = {parameter["name"] for parameter in components["parameters"].values()}
    sent |= {scheme["name"] for scheme in components["securitySchemes"].values() if "name" in scheme}
    read = {
        name for _, operation in operations() for answer in responses(operation).values() for name in answer["headers"]
    }
    assert (sent, read) == (SENT, READ)


def test_every_answer_has_a_content_type_and_the_request_id() -> None:
    for _, operation in operations():
        for status, answer in responses(operation).items():
            assert "X-Request-ID" in answer["headers"]
            assert ("application/json" if status < 400 else "application/problem+json") in answer["content"]
            if status >= 400:
                assert ("Retry-After" in answer["headers"]) == (status in {429, 503})
            assert "WWW-Authenticate" in answer["headers"] or status != 401


def test_public_routes_ask_for_the_tenants_key_and_private_ones_for_a_token() -> None:
    access = {route: function.access for function in get_platform().functions.values() for route in function.routes}
    for route, operation in operations():
        schemes = {name for alternative in operation["security"] for name in alternative}
        assert (
            schemes == {"ApiKey"} if access[route] == "public" else "OidcToken" in schemes <= {"OidcToken", "AdminKey"}
        )


def test_every_field_has_a_description() -> None:
    schemas = document()["components"]["schemas"]
    fields = {
        f"{name}.{field}": said
        for name, schema in schemas.items()
        for field, said in schema.get("properties", {}).items()
    }
    assert [field for field, said in fields.items() if not said.get("description")] == []


def test_no_description_is_left_over() -> None:
    schemas = document()["components"]["schemas"]
    queries = {name for name in get_fields() if name not in schemas}
    assert queries == {
        "ListRequest",
        "ConfigListRequest",
        "PreviewRequest",
        "CostRequest",
        "RestatementsRequest",
        "ReconciliationRequest",
        "SetupRequest",
        "StoreRequest",
        "AlertsRequest",
    }
    assert [
        name
        for name, fields in get_fields().items()
        if name in schemas and not fields.keys() <= schemas[name]["properties"].keys()
    ] == []
