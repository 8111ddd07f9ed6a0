"""The WSGI application: routes requests, identifies the caller, and words errors as BigQuery does."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from devcloud.bigquery.model import BigQueryError, Json, not_implemented, unexpected
from devcloud.bigquery.rest.fields import read
from devcloud.bigquery.rest.resource_fields import RESOURCES
from devcloud.bigquery.sql.errors import is_false_alarm, translate
from devcloud.identity import Caller, Identity, Unauthenticated

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
}


@dataclass(frozen=True)
class Call:
    """A request with its caller and the names in its path."""

    caller: Caller
    request: Request
    names: Mapping[str, str]

    @property
    def project(self) -> str:
        """The project in the path."""
        return self.names["project"]

    def argument(self, name: str) -> str | None:
        """A query-string argument, or None."""
        return self.request.args.get(name)

    def number(self, name: str) -> int | None:
        """A query-string argument that is a number; raises invalid if it is none."""
        return whole_number(name, self.argument(name))

    def is_set(self, name: str) -> bool:
        """A boolean query-string argument."""
        return (self.argument(name) or "").lower() == "true"

    def body(self) -> Json:
        """The JSON body; raises parseError."""
        data = self.request.get_data()
        if self.request.headers.get("Content-Encoding", "").lower() == "gzip":
            data = _unpacked(data)
        return parse_body(data)

    def resource(self, name: str, *, nulls: bool = False) -> Json:
        """The JSON body, read as that resource; raises notImplemented for a refused field, invalid for a wrong type."""
        return read(RESOURCES, name, self.body(), nulls=nulls)

    def formats(self) -> Json:
        """The DataFormatOptions given as `formatOptions.name` arguments."""
        prefix = "formatOptions."
        return {key[len(prefix) :]: value for key, value in self.request.args.items() if key.startswith(prefix)}


def whole_number(name: str, given: Any) -> int | None:
    """An argument or field as a whole number; None if it is absent. Raises invalid for any other value."""
    if given is None or given == "":
        return None
    text = str(given)
    if not (text.isascii() and text.isdigit()):
        raise BigQueryError("invalid", f"Invalid value for {name}: {text}")
    return int(text)


def _unpacked(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BigQueryError("parseError", f"Parse Error: {error}") from error


def parse_body(data: bytes) -> Json:
    """A JSON object; raises parseError."""
    try:
        body = json.loads((data or b"{}").decode("utf-8-sig"))  # json.loads would also accept bytes in UTF-16
    except (ValueError, RecursionError) as error:
        raise BigQueryError("parseError", f"Parse Error: {error}") from error
    if not isinstance(body, dict):
        raise BigQueryError("parseError", "Parse Error: the body must be an object")
    return body


Handler = Callable[[Call], Json | Response | None]


@dataclass
class Routes:
    """The routes of a resource. Each maps a method and a path to a handler."""

    rules: list[tuple[str, str, Handler]] = field(default_factory=list)

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve `METHOD path`; names in the path arrive in `Call.names`."""
        self.rules.append((method, path, handler))


class RestApp:
    """A WSGI application over the given routes."""

    def __init__(self, identity: Identity, routes: Iterable[Routes]) -> None:
        self._identity = identity
        rules = [rule for each in routes for rule in each.rules]
        self._handlers = {f"{method} {path}": handler for method, path, handler in rules}
        self._map = Map(
            [Rule(path, methods=[method], endpoint=f"{method} {path}") for method, path, _ in rules],
            strict_slashes=False,
            merge_slashes=False,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            response = self._answer(request)
        except Unauthenticated as error:
            response = _unauthenticated(str(error))
        except BigQueryError as error:
            response = error_response(error)
        except duckdb.Error as error:
            response = error_response(
                translate(error) if is_false_alarm(error) else BigQueryError("invalid", str(error))
            )
        except Exception as error:  # noqa: BLE001 - the server's outermost edge: the caller gets BigQuery's 500
            _log.exception("request failed unexpectedly", extra={"path": request.path})
            response = error_response(unexpected(error))
        request.get_data(cache=False)  # an unread body would be taken for the connection's next request
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        caller = self._identity.caller(request.headers.get("Authorization"))
        try:
            endpoint, names = self._map.bind_to_environ(request.environ).match()
        except HTTPException as error:
            raise not_implemented(f"{request.method} {request.path}") from error
        answer = self._handlers[endpoint](Call(caller, request, names))
        if isinstance(answer, Response):
            return answer
        return Response(status=204) if answer is None else json_response(answer)


def json_response(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status=status, headers=headers, content_type="application/json; charset=UTF-8")


def error_response(error: BigQueryError) -> Response:
    """BigQuery's error body."""
    detail = {"message": error.message, "domain": "global", **error.to_api()}
    if error.location:
        detail["locationType"] = "parameter"
    code = error.status
    body = {"code": code, "message": error.message, "errors": [detail], "status": _STATUSES.get(code, "UNKNOWN")}
    return json_response({"error": body}, status=code)


def _unauthenticated(message: str) -> Response:
    detail = {
        "message": "Invalid Credentials",
        "domain": "global",
        "reason": "authError",
        "location": "Authorization",
        "locationType": "header",
    }
    body = {"code": 401, "message": message, "errors": [detail], "status": "UNAUTHENTICATED"}
    return json_response({"error": body}, status=401, headers={"WWW-Authenticate": "Bearer"})
