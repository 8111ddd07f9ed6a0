"""Writes docs/api.md, the readable reference: every route with its parameters, an example, its answers and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tools.openapi.reference_shapes import cell, link, link_target, shape_of, shape_section, type_in_words
from tools.openapi.wording import Json, get_errors

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
_METHODS = ("get", "post", "put", "patch", "delete")
_CREDENTIALS_SENT = {
    "ApiKey": "X-API-Key: acme_corp_12312025_api_xyz789",
    "OidcToken": "Authorization: Bearer <OIDC token>",
}
_CALLERS = {
    "ApiKey": "a tenant, with its key in `X-API-Key`",
    "OidcToken": "an account that Cloud Run admits, with an OIDC token",
    "AdminKey": "the operator, who also sends `X-Admin-Key`",
}
_INTRODUCTION = """\
# HTTP reference

This page is generated from [openapi.json](openapi.json) by `make openapi`. To change a word, change it in
`tools/openapi/contract`. The [README](../README.md#use-it-by-hand) shows calls that you can paste. The function
`console` serves the contract at `/api/v1/openapi.json`, and as pages at `/`.
"""


def render_reference(document: Json) -> str:
    """The whole page, made of an OpenAPI document."""
    lines = [_INTRODUCTION, document["info"]["description"]]
    lines += [*_contents(document), *_routes(document), *_errors(document), *_headers(document), "## Shapes", ""]
    for name, schema in document["components"]["schemas"].items():
        lines += shape_section(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operations(document: Json, tag: str) -> Iterator[tuple[str, str, Json, Json]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item and tag in item[method]["tags"]:
                yield method.upper(), path, item, item[method]


def _contents(document: Json) -> Iterator[str]:
    yield from ("## Routes", "", "| what you want | route |", "| --- | --- |")
    for tag in document["tags"]:
        for method, path, _, operation in _operations(document, tag["name"]):
            yield f"| {link(operation['summary'])} | `{method} {path}` |"
    yield ""


def _routes(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        yield from (f"## Routes: {tag['name']}", "", tag["description"], "")
        for method, path, item, operation in _operations(document, tag["name"]):
            yield from _route(document, method, path, item, operation)


def _route(document: Json, method: str, path: str, item: Json, operation: Json) -> Iterator[str]:
    callers = [name for alternative in operation["security"] for name in alternative]
    parameters = [*item.get("parameters", []), *operation["parameters"]]
    known = document["components"]["parameters"]
    parameters = [known[shape_of(one["$ref"])] if "$ref" in one else one for one in parameters]
    yield from (f"### {operation['summary']}", "", f"`{method} {path}`", "", operation["description"].strip(), "")
    yield from (f"The caller is {', or '.join(_CALLERS[name] for name in callers)}.", "")
    yield from _parameter_table(parameters)
    yield from _request(method, path, parameters, callers[0], operation)
    yield from _answers(operation)
    yield from _errors_of(document, operation)


def _parameter_table(parameters: list[Json]) -> Iterator[str]:
    yield from ("| parameter | in | type | meaning |", "| --- | --- | --- | --- |")
    for one in parameters:
        kind = type_in_words(one["schema"]) + ("; required" if one.get("required") else "; optional")
        if (default := one["schema"].get("default")) is not None:
            kind += f", default `{default}`"
        yield f"| `{one['name']}` | {one['in']} | {kind} | {cell(one['description'])} |"
    yield ""


def _request(method: str, path: str, parameters: list[Json], caller: str, operation: Json) -> Iterator[str]:
    body = operation.get("requestBody")
    for one in parameters:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", one["example"])
    lines = [f"{method} {path}{_required_query(parameters, operation)}", _CREDENTIALS_SENT[caller]]
    if body is None:
        yield from ("A request:", "", *_block("http", lines))
        return
    content = body["content"]["application/json"]
    need = "is required" if body["required"] else "may be left out"
    yield from (f"The body {need}: {type_in_words(content['schema'])}. A request:", "")
    examples = content.get("examples") or {"empty": {"summary": "Nothing", "value": {}}}
    for number, example in enumerate(examples.values()):
        if number:
            yield from (f"{example['summary']}:", "", *_block("json", [_json(example["value"])]))
        else:
            lines += ["Content-Type: application/json", "", _json(example["value"])]
            yield from _block("http", lines)


def _required_query(parameters: list[Json], operation: Json) -> str:
    """The parameters that a request must have, with the values that lead to the answer of the example."""
    names = [one["name"] for one in parameters if one["in"] == "query" and one.get("required")]
    if not names:
        return ""
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    return "?" + "&".join(f"{name}={example[name]}" for name in names)


def _answers(operation: Json) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            content = answer["content"]["application/json"]
            yield f"**{status}** {type_in_words(content['schema'])}: {answer['description']}"
            yield from ("", *_block("json", [_json(content["example"])]))


def _errors_of(document: Json, operation: Json) -> Iterator[str]:
    """A row for each error with a special meaning on this route, and links for the others."""
    errors = {int(status): answer for status, answer in operation["responses"].items() if int(status) >= 400}
    special = {status: answer["description"] for status, answer in errors.items() if "description" in answer}
    if special:
        yield from ("| error | when |", "| --- | --- |")
        for status, description in special.items():
            yield f"| {_link_to_error(document, status)} | {cell(description)} |"
        yield ""
    rest = [_link_to_error(document, status) for status in errors.keys() - special.keys()]
    yield from (f"{'Further errors' if special else 'Errors'}: {', '.join(sorted(rest))}.", "")


def _link_to_error(document: Json, status: int) -> str:
    return f"[{status}](#{link_target(_title(document, status))})"


def _title(document: Json, status: int) -> str:
    """The status with its title, as the product's own problem documents have it."""
    examples = document["components"]["responses"][get_errors()[status].name]["content"]["application/problem+json"]
    return f"{status} {next(iter(examples['examples'].values()))['value']['title']}"


def _errors(document: Json) -> Iterator[str]:
    yield from ("## Errors", "", f"The body of every error is a {link('Problem')}.", "")
    responses = document["components"]["responses"]
    for status, described in sorted(get_errors().items()):
        response = responses[described.name]
        yield from (f"### {_title(document, status)}", "", response["description"], "")
        if behind := responses.get(f"Private{described.name}"):
            yield from (f"On a private route: {behind['description']}", "")
        if extra := [name for name in response["headers"] if name in described.headers]:
            yield from (f"Its headers include {', '.join(f'`{name}`' for name in extra)}.", "")
        examples = response["content"]["application/problem+json"]["examples"].values()
        for example in examples:
            yield from _block("json", [_json(example["value"])])


def _headers(document: Json) -> Iterator[str]:
    yield from ("## Headers of answers", "", "| header | meaning |", "| --- | --- |")
    for name, header in document["components"]["headers"].items():
        yield f"| `{name}` | {cell(header['description'])} |"
    yield ""


def _json(value: Json) -> str:
    """A short value on one line; a long one with one field on each line."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 100 else json.dumps(value, indent=2, ensure_ascii=False)


def _block(language: str, lines: list[str]) -> list[str]:
    return [f"```{language}", *lines, "```", ""]
