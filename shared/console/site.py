"""Answers the console's requests: pages, redirects, files, and errors as pages, with the headers that protect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.http import parse_accept_header

from shared import errors
from shared.configuration.settings import get_settings
from shared.console import templating
from shared.console.cookies import drop_cookie, read_cookie, write_cookie
from shared.console.navigation import HOME, NAVIGATION, present_item
from shared.console.policies import TOKEN_FIELD, Visit, sessions
from shared.console.replies import Page, Redirect, Reply, StaticFile, Text
from shared.console.sessions import Kind, Session
from shared.http.endpoint import Endpoint, Handler, Policy, trace_id_of
from shared.http.messages import Call
from shared.http.problems import problem

LOGIN = "/console/login"
LOGOUT = "/console/logout"
OPERATOR = "/console/operator"
OPERATOR_LOGIN = f"{OPERATOR}/login"
OPERATOR_LOGOUT = f"{OPERATOR}/logout"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# The API's words for these are for programmers.
_WORDS = {404: ("Page not found", "There is no such page. Perhaps the address is incomplete.")}
_PASSING = frozenset({429, 500, 503})  # the same request may succeed later
_ERROR_HEADERS = frozenset({"Allow", "Retry-After"})
_TRANSPORT = "max-age=31536000"


@dataclass(frozen=True)
class Route:
    """A route of the console: its method and path, who may use it, and its handler."""

    method_and_path: str
    policy: Policy[Any]
    handler: Handler[Any, Reply]


class Site(Endpoint[Reply]):
    """The routes of the console's pages."""

    def __init__(self, function: str, *pages: Sequence[Route]) -> None:
        super().__init__(function)
        for route in (route for routes in pages for route in routes):
            self.on(route.method_and_path, policy=route.policy)(route.handler)

    def render(self, call: Call[Any], reply: Reply) -> Response:
        """The page, redirect or file. A visitor's session begins with the first page that needs it."""
        if isinstance(reply, StaticFile):
            return _file(reply, call.headers)
        if isinstance(reply, Text):
            return Response(reply.text, reply.status, content_type="text/plain; charset=utf-8")
        session = call.caller.session if isinstance(call.caller, Visit) else None
        if isinstance(reply, Redirect):
            return _redirected(reply, session)
        response = _html(reply, session, call.path)
        if session and session.kind == "visitor":
            write_cookie(response, "visitor", sessions().seal(session), seconds=get_settings().session_seconds)
        return response

    def refuse(self, error: errors.ConvergenceError | None, request: Request) -> Response:
        """A page that says what is wrong and what to do. Without a valid session the browser gets the login page."""
        answer = problem(error, instance=request.path, trace_id=trace_id_of(request))
        if isinstance(error, errors.Unauthenticated):
            return _to_login(request)
        title, detail = _WORDS.get(answer.status, (answer.body["title"], answer.body["detail"]))
        again = _target(request) if request.method == "GET" and answer.status in _PASSING else ""
        facts = {"status": answer.status, "detail": detail, "trace_id": answer.body["trace_id"], "again": again}
        page = Page("error.html", title, facts, status=answer.status)
        response = _html(page, None, request.path)
        response.headers.extend({name: text for name, text in answer.headers.items() if name in _ERROR_HEADERS})
        return response

    def complete(self, response: Response, request: Request) -> None:  # noqa: ARG002 - the API looks at the origin
        """Add the headers that protect a page. No page is kept, because it shows a tenant's figures."""
        response.headers.extend(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        if get_settings().console_url.startswith("https://"):
            response.headers["Strict-Transport-Security"] = _TRANSPORT


def _html(page: Page, session: Session | None, path: str) -> Response:
    kind = session.kind if session else "visitor"
    form = {"name": TOKEN_FIELD, "value": sessions().form_token(session)} if session else None
    values = {
        **page.content,
        "page_title": page.title,
        "navigation": NAVIGATION[kind],
        "present_item": present_item(kind, path),
        "logout": OPERATOR_LOGOUT if kind == "operator" else LOGOUT,
        "home": HOME[kind],
        "session": session,
        "form_token": form,
    }
    text = templating.render(page.template, values)
    return Response(text, page.status, content_type="text/html; charset=utf-8")


def _file(file: StaticFile, wanted: Headers) -> Response:
    headers = {"Cache-Control": file.cache_control, "Vary": "Accept-Encoding"}
    if parse_accept_header(wanted.get("Accept-Encoding"))["gzip"] <= 0:
        return Response(file.content, content_type=file.content_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(file.compressed, content_type=file.content_type, headers=headers)


def _redirected(reply: Redirect, session: Session | None) -> Response:
    response = Response(status=303, headers={"Location": reply.location})
    if reply.session:
        write_cookie(
            response, reply.session.kind, sessions().seal(reply.session), seconds=get_settings().session_seconds
        )
        drop_cookie(response, "visitor")
    if reply.ends_session and session:
        drop_cookie(response, session.kind)
    return response


def _to_login(request: Request) -> Response:
    """Send the browser to the login page, which leads back to the page that it wanted.

    A browser that follows a link of another site sends no cookie (SameSite=Strict). It does so once more from a page of
    the console, then with the cookie if it has one.
    """
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return _html(Page("continue.html", "One moment", {"target": _target(request)}), None, request.path)
    wanted = f"?next={quote(_target(request), safe='')}" if request.method in ("GET", "HEAD") else ""
    kind: Kind = "operator" if is_operators(request.path) else "tenant"
    login = OPERATOR_LOGIN if kind == "operator" else LOGIN
    response = Response(status=303, headers={"Location": f"{login}{wanted}"})
    if read_cookie(request.headers, kind):  # it is no longer valid
        drop_cookie(response, kind)
    return response


def is_operators(path: str) -> bool:
    """Whether this is the path of an operator's page."""
    return path == OPERATOR or path.startswith(f"{OPERATOR}/")


def _target(request: Request) -> str:
    query = request.query_string.decode("ascii", "replace")
    return f"{request.path}?{query}" if query else request.path
