"""The HTTP face of every function: routes, policies, limits, CORS, and errors as problem+json (RFC 9457)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import flask
from flask import Request, Response
from werkzeug.datastructures import Headers

from shared import errors, log
from shared.domain.replies import Reply
from shared.domain.validation import Model, validated
from shared.platform_config import get_platform
from shared.responses import allow_origin, json_response
from shared.settings import get_settings
from shared.watchdog import watched

MAX_BODY_BYTES = 256 * 1024
_STATUS: tuple[tuple[type[errors.ConvergenceError], int], ...] = (
    (errors.InvalidInput, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.MethodNotAllowed, 405),
    (errors.Conflict, 409),
    (errors.PayloadTooLarge, 413),
    (errors.UnsupportedMediaType, 415),
    (errors.IdempotencyMismatch, 422),
    (errors.LimitReached, 429),
    (errors.Unavailable, 503),
)
_TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_FAILED = "The request failed; the trace_id finds it in the log."
_BROKEN = "The pipeline's template, or another file of the platform, is not valid; the trace_id finds which in the log."
_RETRY_AFTER_SECONDS = 5
_CHALLENGES = 'ApiKey realm="convergence", Bearer realm="convergence"'  # the two ways to prove who calls, RFC 9110
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_USER_ID_MAX = 128
_IDEMPOTENCY_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_ALLOWED_HEADERS = "Content-Type, X-API-Key, X-User-ID, Idempotency-Key, X-Request-ID"


@dataclass(frozen=True)
class Call:
    """One request as handlers see it; `caller` is what the route's policy proved."""

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    request_id: str
    caller: Any = None

    @property
    def user_id(self) -> str | None:
        """The X-User-ID claim, for audit only; InvalidInput when it is not UTF-8, too long or unprintable."""
        try:
            value = self.headers.get("X-User-ID", "").encode("latin-1").decode()  # WSGI hands bytes over as Latin-1
        except UnicodeError:
            raise errors.InvalidInput.of_field("X-User-ID", "must be UTF-8, or ASCII alone") from None
        if len(value) > _USER_ID_MAX or not value.isprintable():
            raise errors.InvalidInput.of_field("X-User-ID", f"must be at most {_USER_ID_MAX} printable characters")
        return value or None

    @property
    def idempotency_key(self) -> str | None:
        """The Idempotency-Key header; InvalidInput when it is empty, too long or not printable ASCII."""
        value = self.headers.get("Idempotency-Key")
        if value is not None and not _IDEMPOTENCY_KEY.fullmatch(value):
            raise errors.InvalidInput.of_field("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
        return value

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, `{}` when there is none; InvalidInput when it is anything else."""
        if not self.body.strip():
            return {}
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise errors.UnsupportedMediaType
        try:
            value = json.loads(
                self.body.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_once_each
            )
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8 and fits no table
        except (ValueError, RecursionError):
            raise errors.InvalidInput.of_field("body", "is not valid JSON") from None  # the cause quotes the body
        if not isinstance(value, dict):
            raise errors.InvalidInput.of_field("body", "must be a JSON object")
        return value

    @property
    def asked(self) -> tuple[dict[str, Any], str | None, str | None]:
        """What a `keyed` route is asked for: body, user and Idempotency-Key."""
        return self.json_object(), self.user_id, self.idempotency_key

    def body_as(self, model: type[Model]) -> Model:
        """The body validated; InvalidInput naming every bad field."""
        return validated(model, self.json_object())


@dataclass(frozen=True)
class Answer:
    """What a handler answers; `body` is JSON."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def made(reply: Reply) -> Answer:
    """The answer to a call that makes something; it says when it is an earlier one's."""
    return Answer(reply.status, reply.body, {"Idempotent-Replayed": "true"} if reply.is_replayed else {})


Handler = Callable[[Call], Answer]
Policy = Callable[[Call], Any]


@dataclass(frozen=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    policy: Policy
    handler: Handler
    keyed: bool


class Routes:
    """The routes of one function; it answers them under "" and under "/<function>", and no other path."""

    def __init__(self, function: str) -> None:
        self.function = function
        self._routes: list[_Route] = []
        if flask.has_app_context():  # the framework's own, which has no route for some paths, and a page of its own
            flask.current_app.register_error_handler(404, lambda _: self.respond(flask.request))

    def route(self, method_and_path: str, *, policy: Policy, keyed: bool = False) -> Callable[[Handler], Handler]:
        """Register a handler, e.g. `@routes.route("GET /api/v1/x/{id}", policy=tenant_api_key)`.

        One that is `keyed` keeps what an Idempotency-Key promises; any other refuses the header.
        """
        method, path = method_and_path.split(" ", 1)
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))

        def register(handler: Handler) -> Handler:
            self._routes.append(_Route(method, pattern, policy, handler, keyed))
            return handler

        return register

    def respond(self, request: Request) -> Response:
        """Answer a request: the function's entry point calls nothing else."""
        settings = get_settings()
        log.configure(settings.log_level)
        request_id = request.headers.get("X-Request-ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        trace = log.trace_facts(
            settings.project_id, request.headers.get("traceparent"), request.headers.get("X-Cloud-Trace-Context")
        )
        limit = watched(get_platform().timeout_of(self.function))
        with log.bound(request_id=request_id, function=self.function, **trace), limit:
            response = self._answer(request, request_id)
            log.info("request answered", method=request.method, path=request.path, status=response.status_code)
        response.headers["X-Request-ID"] = request_id
        allow_origin(response, request.headers.get("Origin"), settings.origins)
        return response

    def _answer(self, request: Request, request_id: str) -> Response:
        path = request.path.removeprefix(f"/{self.function}")
        try:
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                return self._preflight(path)
            route, params = self._match(request.method, path)
            call = Call(
                method=request.method, path=path, params=params,
                query={name: value for name, value in request.args.items() if name != "key"},  # that is API Gateway's
                headers=request.headers, body=_limited_body(request), request_id=request_id,
            )  # fmt: skip
            proved = _proved(call, route.policy)
            if "Idempotency-Key" in request.headers and not route.keyed:
                raise errors.InvalidInput.of_field("Idempotency-Key", "is not taken here; send the request without it")
            answer = route.handler(proved)
        except errors.ConvergenceError as error:
            return _problem(error, request)
        except Exception as error:  # noqa: BLE001 - the outermost frame: logged whole, answered without a detail
            log.error("request failed", exception=error)
            return _problem(None, request)
        return json_response(answer.status, answer.body, answer.headers)

    def _methods(self, path: str) -> list[str]:
        found = {route.method for route in self._routes if route.pattern.fullmatch(path)}
        return sorted(found | ({"HEAD"} if "GET" in found else set()))

    def _match(self, method: str, path: str) -> tuple[_Route, dict[str, str]]:
        wanted = "GET" if method == "HEAD" else method  # the framework leaves the body out
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match and route.method == wanted:
                return route, match.groupdict()
        if allowed := self._methods(path):
            raise errors.MethodNotAllowed(allow=allowed)
        raise errors.NotFound

    def _preflight(self, path: str) -> Response:
        if not (allowed := self._methods(path)):
            raise errors.NotFound
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = ", ".join(allowed)
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "3600"
        return response


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):  # readers differ in which of them they take
        raise ValueError("a name is there twice")
    return found


def _proved(call: Call, policy: Policy) -> Call:
    caller = policy(call)
    return Call(**{**vars(call), "caller": caller})


def _limited_body(request: Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise errors.PayloadTooLarge(limit_bytes=MAX_BODY_BYTES)
    body = request.stream.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise errors.PayloadTooLarge(limit_bytes=MAX_BODY_BYTES)
    return bytes(body)


def status_of(error: errors.ConvergenceError | None) -> int:
    """The HTTP status of an error class: the one table."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(error: errors.ConvergenceError | None, *, instance: str, trace_id: str) -> Answer:
    """The problem document of an error; None, and whatever has no status of its own, is 500 without a detail."""
    status = status_of(error)
    if status == 401:
        error = errors.Unauthenticated()  # one and the same body, whatever the reason
    known = error if status != 500 else None
    unknown, told = "internal", _FAILED
    if isinstance(error, errors.ConfigError):
        unknown, told = "invalid-configuration", _BROKEN
    facts = dict(known.facts) if known else {}
    retry_after = facts.pop("retry_after", _RETRY_AFTER_SECONDS if status == 503 else None)
    if isinstance(known, errors.LimitReached):
        facts = {"cap": known.cap, **facts}
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    if "allow" in facts:
        headers["Allow"] = ", ".join(facts["allow"])
    if status == 401:
        headers["WWW-Authenticate"] = _CHALLENGES
    body = {
        "type": f"urn:convergence:error:{_kebab(type(known).__name__) if known else unknown}",
        "title": _TITLES[status],
        "status": status,
        "detail": known.message if known else told,
        "instance": instance,
        "trace_id": trace_id,
        **facts,
    }
    return Answer(status, body, headers)


def _problem(error: errors.ConvergenceError | None, request: Request) -> Response:
    answer = problem(error, instance=request.path, trace_id=_trace_id(request))
    if answer.status == 500 and error:
        log.error("request failed", exception=error)
    if answer.status == 503:
        log.warning("dependency unavailable", exception_class=type(getattr(error, "__cause__", None)).__name__)
    return json_response(answer.status, answer.body, answer.headers, content_type="application/problem+json")


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _trace_id(request: Request) -> str:
    return log.trace_id_of(request.headers.get("traceparent"), request.headers.get("X-Cloud-Trace-Context"))
