"""Logs in with an API key or a link, and logs out."""

from __future__ import annotations

import re
import time

from shared import bootstrap
from shared.configuration.settings import get_settings
from shared.console.navigation import HOME
from shared.console.policies import TenantPageCall, Visit, VisitCall, links, tenant_page, visitor
from shared.console.replies import Page, Redirect, Text
from shared.console.sessions import Session
from shared.console.site import LOGIN, Route
from shared.domain.requests.auth import PresentedKey
from shared.errors import Forbidden, Unauthenticated
from shared.http.messages import Call, HttpRequest
from shared.http.policies import caller_address

_WRONG_KEY = "This key is not valid. Check that you copied all of it, or ask your operator for a new one."
_WRONG_LINK = "This link has been used, or is too old. Ask for a new link, or log in with your API key."
_OWN_PATH = re.compile(r"(/console(?:/[\w-]+)+)(?:\?[!-&\x28-~]*)?", re.ASCII)
_MAX_PATH = 1000


def show_login(call: VisitCall) -> Page | Redirect:
    """The form for an API key."""
    return _login_page(next_path(call.query.get("next", "")))


def log_in(call: VisitCall) -> Page | Redirect:
    """Exchange the key for a session."""
    form, wanted = call.caller.form, next_path(call.caller.form.get("next", ""))
    try:
        api_key_hash = bootstrap.callers().identify(form.get("api_key", "").strip(), address=caller_address(call))
        return _logged_in(api_key_hash, wanted)
    except Unauthenticated:
        return _login_page(wanted, problem=_WRONG_KEY, status=401)
    except Forbidden as error:
        return _login_page(wanted, problem=f"{error.message} Ask your operator.", status=403)


def log_out(call: TenantPageCall) -> Redirect:  # noqa: ARG001 - the site drops the session of the call
    """End the session in this browser."""
    return Redirect(LOGIN, ends_session=True)


def make_link(call: Call[PresentedKey]) -> Text:
    """A link that logs the holder of the key in, as text. The request has the key in X-API-Key, as the API's have."""
    token = links().token(call.caller, now=time.time())
    return Text(201, f"{get_settings().require('console_url')}/console/link?token={token}\n")


def show_link(call: VisitCall) -> Page:
    """A button that logs in, and the tenant's name, so that nobody enters another's figures unawares.

    A program that only follows the link, as mail scanners do, does not use it up.
    """
    token = call.query.get("token", "")
    key = links().find(token, now=time.time())
    if key is None:
        return _login_page("", problem=_WRONG_LINK, status=401)
    return Page("link.html", "Log in", {"token_of_link": token, "tenant_id": key.tenant_id})


def follow_link(call: VisitCall) -> Page | Redirect:
    """Exchange the link for a session."""
    key = links().use(call.caller.form.get("token", ""), now=time.time())
    if key is None:
        return _login_page("", problem=_WRONG_LINK, status=401)
    try:
        bootstrap.callers().check_key(key.api_key_hash, address=caller_address(call))
        return _logged_in(key.api_key_hash, "")
    except (Unauthenticated, Forbidden):
        return _login_page("", problem=_WRONG_LINK, status=401)


def show_home(call: Call[Visit]) -> Redirect:
    """The first page of a session."""
    return Redirect(HOME[call.caller.session.kind])


def api_key(request: HttpRequest) -> PresentedKey:
    """Accept a live key in X-API-Key. It reads no cookie, so no other site can use it."""
    callers = bootstrap.callers()
    api_key_hash = callers.identify(request.headers.get("X-API-Key"), address=caller_address(request))
    return PresentedKey(api_key_hash, callers.require_any_owner(api_key_hash).tenant_id)


def next_path(wanted: str) -> str:
    """The path, if it is a page of the console; otherwise nothing."""
    return wanted if len(wanted) <= _MAX_PATH and _OWN_PATH.fullmatch(wanted) else ""


def _logged_in(api_key_hash: str, wanted: str) -> Redirect:
    owner = bootstrap.callers().require_any_owner(api_key_hash)
    session = Session("tenant", int(time.time()), tenant_id=owner.tenant_id, api_key_hash=api_key_hash)
    return Redirect(wanted or HOME["tenant"], session=session)


def _login_page(wanted: str, *, problem: str = "", status: int = 200) -> Page:
    return Page("login.html", "Log in", {"next": wanted, "problem": problem}, status=status)


ROUTES = (
    Route("GET /console", tenant_page, show_home),
    Route("GET /console/login", visitor, show_login),
    Route("POST /console/login", visitor, log_in),
    Route("POST /console/logout", tenant_page, log_out),
    Route("POST /console/links", api_key, make_link),
    Route("GET /console/link", visitor, show_link),
    Route("POST /console/link", visitor, follow_link),
)
