"""Receives the HTTP requests of a function: matches routes, applies policies and limits, logs. Subclasses answer."""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import flask
from flask import Request, Response

from shared import errors
from shared.configuration.platform_config import get_platform
from shared.configuration.settings import get_settings
from shared.http.messages import Call, Caller, HttpRequest
from shared.runtime import log
from shared.runtime.watchdog import watched

MAX_BODY_BYTES = 256 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")

Reply = TypeVar("Reply")
Handler = Callable[[Call[Caller]], Reply]
Policy = Callable[[HttpRequest], Caller]


@dataclass(frozen=True)
class _Route(Generic[Reply]):
    method: str
    pattern: re.Pattern[str]
    policy: Policy[Any]
    handler: Handler[Any, Reply]
    accepts_idempotency_key: bool


class Endpoint(ABC, Generic[Reply]):
    """The routes of one function. They are served at their paths and at "/<function>" plus their paths."""

    def __init__(self, function: str) -> None:
        self.function = function
        self._routes: list[_Route[Reply]] = []
        if flask.has_app_context():  # Flask would otherwise answer some unknown paths with its own HTML page
            flask.current_app.register_error_handler(404, lambda _: self.respond(flask.request))

    @abstractmethod
    def render(self, call: Call[Any], reply: Reply) -> Response:
        """The response to a request that a handler has answered."""

    @abstractmethod
    def refuse(self, error: errors.ConvergenceError | None, request: Request) -> Response:
        """The response to a request that ended with this error.

        None stands for an unexpected error: the log has it, and the caller learns no detail.
        """

    @abstractmethod
    def complete(self, response: Response, request: Request) -> None:
        """Add the headers that every response has."""

    def preflight(self, path: str) -> Response:
        """Answer a browser that asks what pages of other origins may send.

        Here they may send nothing, so this raises MethodNotAllowed, or NotFound for an unknown path.
        """
        if allowed := self.methods(path):
            raise errors.MethodNotAllowed(allow=allowed)
        raise errors.NotFound

    def on(
        self, method_and_path: str, *, policy: Policy[Caller], idempotency: bool = False
    ) -> Callable[[Handler[Caller, Reply]], Handler[Caller, Reply]]:
        """Register a handler, e.g. `@routes.on("GET /api/v1/x/{id}", policy=tenant_api_key)`.

        `idempotency`: whether the route accepts the header Idempotency-Key. Any other route refuses it.
        """
        method, path = method_and_path.split(" ", 1)
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))

        def register(handler: Handler[Caller, Reply]) -> Handler[Caller, Reply]:
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
        time_limit = watched(get_platform().timeout_of(self.function))
        with log.bound(request_id=request_id, function=self.function, **trace), time_limit:
            response = self._answer(request, request_id)
            log.info("request answered", method=request.method, path=request.path, status=response.status_code)
        response.headers["X-Request-ID"] = request_id
        self.complete(response, request)
        return response

    def _answer(self, request: Request, request_id: str) -> Response:
        path = self._own_path(request.path)
        try:
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                return self.preflight(path)
            route, params = self._match(request.method, path)
            received = HttpRequest(
                method=request.method,
                path=path,
                params=params,
                query=_query(request),
                headers=request.headers,
                body=_limited_body(request),
                request_id=request_id,
            )
            call = Call(**vars(received), caller=route.policy(received))
            _check_idempotency_key(request, route)
            return self.render(call, route.handler(call))
        except errors.ConvergenceError as error:
            return self._refuse_and_log(error, request)
        except Exception as error:  # noqa: BLE001 - the outermost frame: the log gets the error, the caller no detail
            log.error("request failed", exception=error)
            return self.refuse(None, request)

    def _own_path(self, path: str) -> str:
        """The path without the function's name, except for a route that begins with this name, such as /console."""
        if any(route.pattern.fullmatch(path) for route in self._routes):
            return path
        return path.removeprefix(f"/{self.function}")

    def _refuse_and_log(self, error: errors.ConvergenceError, request: Request) -> Response:
        """The refusal. The log gets what an operator must act on: an invalid file, a failure, a missing dependency."""
        response = self.refuse(error, request)
        if isinstance(error, errors.ConfigError):
            log.error("configuration is not valid", problem=error.message)
        elif response.status_code == 500:
            log.error("request failed", exception=error)
        if response.status_code == 503:
            log.warning("dependency unavailable", exception_class=type(error.__cause__).__name__)
        return response

    def methods(self, path: str) -> list[str]:
        """The methods of the routes with this path."""
        found = {route.method for route in self._routes if route.pattern.fullmatch(path)}
        return sorted(found | ({"HEAD"} if "GET" in found else set()))

    def _match(self, method: str, path: str) -> tuple[_Route[Reply], dict[str, str]]:
        wanted = "GET" if method == "HEAD" else method  # the framework drops the body
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match and route.method == wanted:
                return route, match.groupdict()
        if allowed := self.methods(path):
            raise errors.MethodNotAllowed(allow=allowed)
        raise errors.NotFound


def trace_id_of(request: Request) -> str:
    """The id with which the log finds this request."""
    return log.trace_id_of(request.headers.get("traceparent"), request.headers.get("X-Cloud-Trace-Context"))


def _check_idempotency_key(request: Request, route: _Route[Any]) -> None:
    """Raise InvalidInput for the header Idempotency-Key if the route does not accept it."""
    if "Idempotency-Key" in request.headers and not route.accepts_idempotency_key:
        message = "is not accepted on this route; send the request without it"
        raise errors.InvalidInput.of_field("Idempotency-Key", message)


def _query(request: Request) -> dict[str, str]:
    """The query's parameters, without API Gateway's `key`. InvalidInput names each one that is given twice."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise errors.InvalidInput.of_fields(
            [{"field": name, "message": "is given twice; give it once"} for name in repeated]
        )
    return {name: value for name, value in request.args.items() if name != "key"}


def _limited_body(request: Request) -> bytes:
    """The body. PayloadTooLarge beyond MAX_BODY_BYTES, also if Content-Length is missing or too small."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise errors.PayloadTooLarge(limit_bytes=MAX_BODY_BYTES)
    body = request.stream.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise errors.PayloadTooLarge(limit_bytes=MAX_BODY_BYTES)
    return bytes(body)
