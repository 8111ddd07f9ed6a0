"""Builds the OpenAPI document, with one operation for each route of configs/platform.yml."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from shared import errors
from shared.configuration.platform_config import Function, get_platform
from shared.errors import ConfigError
from shared.http import problems
from tools.openapi.schemas import REFERENCE, component_schemas, query_parameters
from tools.openapi.wording import ErrorExample, ErrorStatus, Json, Operation, get_api, get_errors, get_operations

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "openapi.json"
_TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
_EVERYWHERE = {405, 500, 503}
_PUBLIC, _PRIVATE, _WITH_BODY = {400, 401, 403, 429}, {401, 403}, {400, 413, 415}
_ANSWER_HEADERS = ("X-Request-ID", "Vary", "Access-Control-Allow-Origin")


def render() -> str:
    """The document as it is committed."""
    return json.dumps(build_document(), indent=2, ensure_ascii=False) + "\n"


def build_document() -> Json:
    """The whole document; raises ConfigError if a route has no description, or a description has no route."""
    api = get_api()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": api.title,
            "version": project["version"],
            "summary": api.summary,
            "description": api.description,
            "license": {"name": "Apache 2.0", "identifier": project["license"]},
        },
        "servers": [_local_server()],
        "tags": [{"name": name, "description": text} for name, text in api.tags.items()],
        "paths": _paths(),
        "components": {
            "securitySchemes": api.security,
            "headers": {name: _dumped(header) for name, header in api.response_headers.items()},
            "parameters": {name: _header_parameter(name) for name in api.request_headers},
            "responses": _responses(),
            "schemas": component_schemas(),
        },
    }


def _local_server() -> Json:
    port = {"default": "8080", "description": "The gateway's port; the gateway prints it when it is ready."}
    return {"url": get_api().local_server, "description": "devcloud, on this machine", "variables": {"port": port}}


def _deployed_server(function: str) -> Json:
    number = {"default": "123456789012", "description": "The project's number; `./deploy.sh urls` prints whole URLs."}
    url = get_api().server.replace("{service}", function.replace("_", "-"))  # as Terraform names services
    variables = {"project_number": number, "region": {"default": "us-central1"}}
    return {"url": url, "description": "The deployed function", "variables": variables}


def _paths() -> Json:
    paths: Json = {}
    for name, function in api_functions().items():
        described = get_operations(name)
        if missing := set(function.routes) ^ described.keys():
            raise ConfigError(f"{name}.yml and platform.yml differ: {', '.join(sorted(missing))}")
        for route in function.routes:
            method, path = route.split(" ", 1)
            parameters = [_path_parameter(parameter) for parameter in _placeholders(path)]
            servers = [_local_server(), _deployed_server(name)]
            item = paths.setdefault(path, {"servers": servers} | ({"parameters": parameters} if parameters else {}))
            item[method.lower()] = _operation(function, path, described[route])
    return paths


def api_functions() -> dict[str, Function]:
    """The functions of the API. The console's pages are for people, and no part of it."""
    return {name: function for name, function in get_platform().functions.items() if function.answers == "json"}


def _placeholders(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, **_dumped(get_api().path_parameters[name])}


def _header_parameter(name: str) -> Json:
    return {"name": name, "in": "header", "required": False, **_dumped(get_api().request_headers[name])}


def _dumped(header: object) -> Json:
    dumped: Json = header.model_dump(by_alias=True, exclude_none=True)  # type: ignore[attr-defined]
    return dumped


def _operation(function: Function, path: str, described: Operation) -> Json:
    headers = [*described.request_headers, "X-Request-ID"]
    operation: Json = {
        "operationId": described.operation_id,
        "tags": [described.tag],
        "summary": described.summary,
        "description": described.description,
        "security": _security(function),
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in headers],
    }
    if described.query:
        operation["parameters"] += query_parameters(described.query)
    if described.body:
        examples = {name: example.model_dump() for name, example in described.body.examples.items()}
        content = _content(described.body.schema_) | ({"examples": examples} if examples else {})
        operation["requestBody"] = {"required": described.body.required, "content": {"application/json": content}}
    operation["responses"] = _answers(path, described) | _errors(function, described)
    return operation


def _security(function: Function) -> list[Json]:
    if function.access == "public":
        return [{"ApiKey": []}]
    return [{"OidcToken": []}] + ([{"AdminKey": []}] if "ADMIN_KEY_SECRET" in function.environment else [])


def _content(schema: str) -> Json:
    return {"schema": {"$ref": REFERENCE.format(model=schema)}}


def _answers(path: str, described: Operation) -> Json:
    answers: Json = {}
    for status, answer in sorted(described.answers.items()):
        content = _content(answer.schema_) | {"example": answer.example}
        replayed = ["Idempotent-Replayed"] if "Idempotency-Key" in described.request_headers else []
        answers[str(status)] = {
            "description": answer.description,
            "headers": _headers(*_ANSWER_HEADERS, *replayed) | {name: _maybe(name) for name in answer.headers},
            "content": {"application/json": content} | _csv_content(answer.csv),
        }
        if answer.links:
            answers[str(status)]["links"] = {name: _link(path, target) for name, target in answer.links.items()}
    return answers


def _csv_content(example: str | None) -> Json:
    return {"text/csv": {"schema": {"type": "string"}, "example": example}} if example else {}


def _link(path: str, operation_id: str) -> Json:
    """An OpenAPI link to an operation on the run or schedule that an answer names."""
    given, wanted = _placeholders(path), _placeholders(_path_of(operation_id))
    sources = {name: "request.path." if name == given[0] else "response.body#/" for name in wanted}
    return {"operationId": operation_id, "parameters": {name: f"${place}{name}" for name, place in sources.items()}}


def _path_of(operation_id: str) -> str:
    """The path of the operation that has this id; raises ConfigError if none has."""
    for name in api_functions():
        for route, described in get_operations(name).items():
            if described.operation_id == operation_id:
                return route.split(" ", 1)[1]
    raise ConfigError(f"operations: a link leads to {operation_id}, which is none")


def _errors(function: Function, described: Operation) -> Json:
    statuses = _EVERYWHERE | described.errors.keys()
    statuses |= _PUBLIC if function.access == "public" else _PRIVATE
    statuses |= _WITH_BODY if described.body else set()
    return {str(status): _error(function, described, status) for status in sorted(statuses)}


def _error(function: Function, described: Operation, status: int) -> Json:
    prefix = "Private" if function.access == "private" and status in _PRIVATE else ""
    reference = {"$ref": f"#/components/responses/{prefix}{get_errors()[status].name}"}
    return reference | ({"description": described.errors[status]} if status in described.errors else {})


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _responses() -> Json:
    responses = {error.name: _response(status, error) for status, error in get_errors().items()}
    for status in _PRIVATE:
        error = get_errors()[status]
        responses[f"Private{error.name}"] = _behind_cloud_run(_response(status, error), status)
    return dict(sorted(responses.items()))


def _response(status: int, error: ErrorStatus) -> Json:
    examples = {name: {"value": _example(status, example)} for name, example in error.examples.items()}
    return {
        "description": error.description,
        "headers": _headers(*_ANSWER_HEADERS, *error.headers),
        "content": {"application/problem+json": _content("Problem") | {"examples": examples}},
    }


def _behind_cloud_run(response: Json, status: int) -> Json:
    """The response of a status that Cloud Run may send itself, with its own page and without our headers."""
    said = {401: "The token cannot be verified.", 403: "There is no token, or its account is not an invoker."}
    content = {**response["content"], "text/html": {"schema": {"type": "string"}}}
    headers = {**_headers("WWW-Authenticate"), **{name: _maybe(name) for name in ("X-Request-ID", "Vary")}}
    return {
        "description": f"{said[status]} The body is a page of Cloud Run or a problem document.",
        "headers": headers,
        "content": content,
    }


def _maybe(header: str) -> Json:
    return {**_dumped(get_api().response_headers[header]), "required": False}


def _example(status: int, example: ErrorExample) -> Json:
    """The product's own answer to this error; raises ConfigError if it has another status."""
    kind = getattr(errors, example.error)
    answer = problems.problem(kind(example.detail, **example.facts), instance="/api/v1/...", trace_id=_TRACE_ID)
    if answer.status != status:
        raise ConfigError(f"errors.yml: {example.error} is answered with {answer.status}, not {status}")
    return dict(answer.body)
