"""Answers HTTP requests for every function: matches routes, applies policies and limits, handles CORS and errors."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask
from flask import Request, Response

from shared import errors
from shared.configuration.platform_config import get_platform
from shared.configuration.settings import get_settings
from shared.http.messages import Answer, Call, Caller, CsvAnswer, HttpRequest
from shared.http.problems import problem
from shared.http.responses import allow_origin, csv_response, json_response
from shared.runtime import log
from shared.runtime.watchdog import watched

MAX_BODY_BYTES = 256 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_ALLOWED_HEADERS = "Content-Type, X-API-Key, X-User-ID, Idempotency-Key, X-Request-ID"


Handler = Callable[[Call[Caller]], Answer | CsvAnswer]
Policy = Callable[[HttpRequest], Caller]


@dataclass(frozen=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    policy: Policy[Any]
    handler: Handler[Any]
    accepts_idempotency_key: bool


class Routes:
    """The routes of one function. They are served at their paths and at "/<function>" plus their paths."""

    def __init__(self, function: str) -> None:
        self.function = function
        self._routes: list[_Route] = []
        if flask.has_app_context():  # it would answer some paths with its own page
            flask.current_app.register_error_handler(404, lambda _: self.respond(flask.request))

    def on(
        self, method_and_path: str, *, policy: Policy[Caller], idempotency: bool = False
    ) -> Callable[[Handler[Caller]], Handler[Caller]]:
        """Register a handler, e.g. `@routes.on("GET /api/v1/x/{id}", policy=tenant_api_key)`.

        `idempotency`: whether the route accepts the header Idempotency-Key. Any other route refuses it.
        """
        method, path = method_and_path.split(" ", 1)
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))

        def register(handler: Handler[Caller]) -> Handler[Caller]:
            self._routes.append(_Route(method, pattern, policy, handler, idempotency))
            return handler

        return register

    def respond(self, request: Request) -> Response:
        """Answer a request. A function's entry point only calls this."""
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
            received = HttpRequest(
                method=request.method, path=path, params=params,
                query=_query(request),
                headers=request.headers, body=_limited_body(request), request_id=request_id,
            )  # fmt: skip
            call = Call(**vars(received), caller=route.policy(received))
            if "Idempotency-Key" in request.headers and not route.accepts_idempotency_key:
                raise errors.InvalidInput.of_field(
                    "Idempotency-Key", "is not accepted on this route; send the request without it"
                )
            answer = route.handler(call)
        except errors.ConvergenceError as error:
            return _problem(error, request)
        except Exception as error:  # noqa: BLE001 - the outermost frame: the log gets the error, the caller no detail
            log.error("request failed", exception=error)
            return _problem(None, request)
        if isinstance(answer, CsvAnswer):
            return csv_response(answer.columns, answer.rows)
        return json_response(answer.status, answer.body, answer.headers)

    def _methods(self, path: str) -> list[str]:
        found = {route.method for route in self._routes if route.pattern.fullmatch(path)}
        return sorted(found | ({"HEAD"} if "GET" in found else set()))

    def _match(self, method: str, path: str) -> tuple[_Route, dict[str, str]]:
        wanted = "GET" if method == "HEAD" else method  # the framework drops the body
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


def _query(request: Request) -> dict[str, str]:
    """The query's parameters, without the `key` that API Gateway adds. InvalidInput names one that is given twice."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise errors.InvalidInput.of_fields([{"field": name, "message": "is given twice"} for name in repeated])
    return {name: value for name, value in request.args.items() if name != "key"}


def _limited_body(request: Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise errors.PayloadTooLarge(limit_bytes=MAX_BODY_BYTES)
    body = request.stream.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise errors.PayloadTooLarge(limit_bytes=MAX_BODY_BYTES)
    return bytes(body)


def _problem(error: errors.ConvergenceError | None, request: Request) -> Response:
    answer = problem(error, instance=request.path, trace_id=_trace_id(request))
    if isinstance(error, errors.ConfigError):
        log.error("configuration is not valid", problem=error.message)
    elif answer.status == 500 and error:
        log.error("request failed", exception=error)
    if answer.status == 503:
        log.warning("dependency unavailable", exception_class=type(getattr(error, "__cause__", None)).__name__)
    return json_response(answer.status, answer.body, answer.headers, content_type="application/problem+json")


def _trace_id(request: Request) -> str:
    return log.trace_id_of(request.headers.get("traceparent"), request.headers.get("X-Cloud-Trace-Context"))
