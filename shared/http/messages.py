"""Defines the request and the answer in the form that handlers use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from werkzeug.datastructures import Headers, MIMEAccept
from werkzeug.http import parse_accept_header

from shared import errors
from shared.domain.requests.creation import CreationRequest, Reply
from shared.domain.requests.parsing import Model, validated
from shared.domain.runs.run_details import FINISHED

Caller = TypeVar("Caller")

_JSON, _CSV = "application/json", "text/csv"
_LOOK_AGAIN = {"Retry-After": "10"}  # a look at an unfinished run costs a query
_USER_ID_MAX = 128
_SHOWN_NAME = 64
_IDEMPOTENCY_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


@dataclass(frozen=True)
class HttpRequest:
    """One request as policies see it."""

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    request_id: str

    @property
    def user_id(self) -> str | None:
        """The X-User-ID header, for audit only. It raises InvalidInput if it is not UTF-8, too long or unprintable."""
        try:
            value = self.headers.get("X-User-ID", "").encode("latin-1").decode()  # WSGI hands bytes over as Latin-1
        except UnicodeError:
            raise errors.InvalidInput.of_field("X-User-ID", "must be UTF-8") from None
        if len(value) > _USER_ID_MAX or not value.isprintable():
            raise errors.InvalidInput.of_field("X-User-ID", f"must be at most {_USER_ID_MAX} printable characters")
        return value or None

    @property
    def idempotency_key(self) -> str | None:
        """The Idempotency-Key header. It raises InvalidInput if it is empty, too long or not printable ASCII."""
        value = self.headers.get("Idempotency-Key")
        if value is not None and not _IDEMPOTENCY_KEY.fullmatch(value):
            raise errors.InvalidInput.of_field("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
        return value

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, or `{}` without a body. Anything else raises InvalidInput."""
        if not self.body.strip():
            return {}
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise errors.UnsupportedMediaType
        if self.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise errors.UnsupportedMediaType("The request body must be sent without a Content-Encoding.")
        try:
            value = json.loads(
                self.body.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_once_each
            )
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair cannot be encoded or stored
        except (ValueError, RecursionError):
            message = "is not valid JSON in UTF-8"
            raise errors.InvalidInput.of_field("body", message) from None  # the cause quotes the body
        if not isinstance(value, dict):
            raise errors.InvalidInput.of_field("body", "must be a JSON object")
        return value

    @property
    def wants_csv(self) -> bool:
        """Whether the header Accept prefers text/csv to JSON."""
        accepted = parse_accept_header(self.headers.get("Accept"), MIMEAccept)
        return accepted.best_match([_JSON, _CSV], default=_JSON) == _CSV

    def creation_request(self) -> CreationRequest:
        """The request to a route that creates something. It raises as json_object, user_id and idempotency_key do."""
        return CreationRequest(self.json_object(), self.user_id, self.idempotency_key)

    def body_as(self, model: type[Model]) -> Model:
        """The body as a validated model. InvalidInput names every bad field."""
        return validated(model, self.json_object())


@dataclass(frozen=True)
class Call(HttpRequest, Generic[Caller]):
    """One request as handlers see it. `caller` is the result of the route's policy: who calls."""

    caller: Caller


@dataclass(frozen=True)
class Answer:
    """The answer of a handler; `body` becomes JSON."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CsvAnswer:
    """The answer 200 as CSV, for spreadsheets. Each row has a value for each column."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def creation_answer(reply: Reply) -> Answer:
    """The answer to a request that creates something. Headers say where it is and if an earlier answer is repeated."""
    replayed = {"Idempotent-Replayed": "true"} if reply.is_replayed else {}
    return Answer(reply.status, reply.body, {**_where_runs_are(reply.body), **replayed})


def run_answer(run: Mapping[str, Any]) -> Answer:
    """The answer that shows a run. Before the run's end, a header says when to look again."""
    return Answer(200, run, {} if run["status"] in FINISHED else _LOOK_AGAIN)


def _where_runs_are(body: Mapping[str, Any]) -> Mapping[str, str]:
    """Location and Retry-After for an answer that names a new run, or a backfill."""
    if run_id := body.get("pipeline_logging_id"):
        return {"Location": f"/api/v1/pipelines/runs/{body['tenant_id']}/{run_id}", **_LOOK_AGAIN}
    if backfill_id := body.get("backfill_id"):
        return {"Location": f"/api/v1/pipelines/runs/{body['tenant_id']}?backfill_id={backfill_id}", **_LOOK_AGAIN}
    return {}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:  # parsers differ in which of two equal names they use
            raise errors.InvalidInput.of_field("body", f"has the field {name[:_SHOWN_NAME]} twice; send it once")
        found[name] = value
    return found
