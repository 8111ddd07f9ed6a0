"""Serves every function of platform.yml on one port, with Cloud Run's behaviour."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from devcloud.chunks import BadChunk
from devcloud.gateway.admission import Refused, admit
from devcloud.gateway.forwarding import (
    MAX_BODY_BYTES,
    Answer,
    CutOff,
    NotReached,
    TimedOut,
    forward,
    outgoing_headers,
)
from devcloud.gateway.function_process import FunctionProcess, StartFailed
from devcloud.gateway.routes import Routes
from devcloud.http_server import HttpServer
from shared.configuration.platform_config import Function

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Page = Callable[[], Any]

_STARTING_SECONDS = 10.0


class Gateway:
    """Routes requests to the functions' processes.

    `members` returns the accounts whose tokens Cloud Run admits to a function. `certs` are the certificates of the
    token server. `pages` are devcloud's own answers under /_devcloud/, by name.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        members: Callable[[str], frozenset[str]],
        certs: Callable[[], Mapping[str, str]],
        pages: Mapping[str, Page],
        port: int = 0,
    ) -> None:
        self._functions, self._members, self._certs, self._pages = functions, members, certs, pages
        self._routes = Routes(functions)
        self._processes: dict[str, FunctionProcess] = {}
        self._hosting = threading.Event()
        self._server = HttpServer(self._serve, name="gateway", port=port)

    @property
    def url(self) -> str:
        """The one address of all functions."""
        return self._server.url

    def function_url(self, name: str) -> str:
        """The function's own URL, which is also the audience of tokens for it."""
        return f"{self.url}/{name}"

    def start(self) -> None:
        """Bind and answer. Requests for functions wait until `host` is called, like requests during a cold start."""
        self._server.start()

    def host(self, processes: Mapping[str, FunctionProcess]) -> None:
        """Take over the functions' processes. They need not run yet."""
        self._processes = dict(processes)
        self._hosting.set()

    def states(self) -> dict[str, str]:
        """`cold` or `running` by function."""
        return {name: process.state for name, process in self._processes.items()}

    def stop(self) -> None:
        """End the functions, then stop answering; safe to call twice."""
        for process in self._processes.values():
            process.stop()
        self._server.stop()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if fault := _fault_of(request):
            return _problem(400, "Bad Request", fault)
        raw_path, _, query = str(request.environ["REQUEST_URI"]).partition("?")
        if page := self._pages.get(raw_path.removeprefix("/_devcloud/")):
            return _json(200, page())
        destination = self._routes.find_destination(raw_path)
        if destination is None:
            detail = f"no function of configs/platform.yml serves {raw_path}: docs/api.md lists the routes"
            return _problem(404, "Not Found", detail)
        target = f"{destination.path}?{query}" if query else destination.path
        try:
            return self._pass_on(request, destination.function, target)
        except Refused as refusal:
            headers = {"WWW-Authenticate": refusal.challenge} if refusal.challenge else {}
            return Response(refusal.page, refusal.status, headers, content_type="text/html; charset=UTF-8")

    def _pass_on(self, request: Request, name: str, target: str) -> Response:
        try:
            body = _limited_body(request)
        except BadChunk as error:
            return _problem(400, "Bad Request", str(error))
        if body is None:
            return _problem(413, "Content Too Large", f"the body has more than {MAX_BODY_BYTES} bytes")
        headers = outgoing_headers(
            request.headers, client=request.remote_addr or "", authorization=self._authorization(request, name)
        )
        try:
            answer = self._reach(name, request.method, target, headers, body)
        except (StartFailed, NotReached, CutOff) as error:
            # Cloud Run's own words come first; the rest helps developers who use devcloud.
            return Response(f"Service Unavailable\n\ndevcloud: {error}\n", 503, content_type="text/plain")
        except TimedOut:
            return Response("upstream request timeout", 504, content_type="text/plain")
        return Response(answer.body, answer.status, answer.headers)

    def _authorization(self, request: Request, name: str) -> str | None:
        """The Authorization header for a private function. None for a public one, which gets the caller's header."""
        if self._functions[name].access == "public":
            return None
        return admit(
            request.headers.get("Authorization"),
            audience=self.function_url(name),
            members=self._members(name),
            certs=self._certs,
        )

    def _reach(self, name: str, method: str, target: str, headers: Any, body: bytes) -> Answer:
        if not self._hosting.wait(_STARTING_SECONDS):
            raise StartFailed(f"{name}: devcloud is starting")
        process = self._processes[name]
        timeout_seconds = self._functions[name].timeout_seconds
        try:
            port = process.ensure_started()
            return forward(method, target, headers, body, port=port, timeout_seconds=timeout_seconds)
        except NotReached:  # it had died before, so no process has seen the request
            process.await_death()
            port = process.ensure_started()
            return forward(method, target, headers, body, port=port, timeout_seconds=timeout_seconds)
        except CutOff:
            process.await_death()
            raise


def _limited_body(request: Request) -> bytes | None:
    """The whole body; None if it exceeds Cloud Run's limit."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return None
    body = request.stream.read(MAX_BODY_BYTES + 1)
    return None if len(body) > MAX_BODY_BYTES else bytes(body)


def _fault_of(request: Request) -> str | None:
    """The reason why Google's front end refuses a request before a function sees it; None if it does not."""
    if not str(request.environ["REQUEST_URI"]).isascii():
        return "the request's target must be ASCII; encode other characters with %"
    if not re.fullmatch(r"[0-9]*", request.headers.get("Content-Length", "")):
        return "Content-Length must be a number"
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        return "the only Transfer-Encoding is chunked"
    return None


def _problem(status: int, title: str, detail: str) -> Response:
    """A refusal by the gateway itself. It closes the connection, because a part of the body may be unread."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    answer = _json(status, body, content_type="application/problem+json")
    answer.headers["Connection"] = "close"
    return answer


def _json(status: int, body: Any, *, content_type: str = "application/json") -> Response:
    return Response(json.dumps(body, indent=2, default=str) + "\n", status, content_type=content_type)
