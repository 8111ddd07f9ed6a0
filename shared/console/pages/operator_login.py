"""Logs an operator in with the admin key, and out."""

from __future__ import annotations

import time

from shared import bootstrap
from shared.console.navigation import HOME
from shared.console.pages.login import next_path
from shared.console.policies import OperatorPageCall, VisitCall, operator_page, visitor
from shared.console.replies import Page, Redirect
from shared.console.sessions import Session
from shared.console.site import OPERATOR_LOGIN, OPERATOR_LOGOUT, Route, is_operators
from shared.errors import Unauthenticated
from shared.http.policies import caller_address
from shared.runtime import log

_WRONG_KEY = "This is not the present admin key. After a rotation only the new key logs in."


def show_login(call: VisitCall) -> Page:
    """The form for the admin key."""
    return _login_page(_next_path(call.query.get("next", "")))


def log_in(call: VisitCall) -> Page | Redirect:
    """Exchange the admin key for a session. Wrong keys of an address are limited as tenants' wrong keys are."""
    form, wanted = call.caller.form, _next_path(call.caller.form.get("next", ""))
    try:
        digest = _digest_of(form.get("admin_key", "").strip())
    except Unauthenticated:
        bootstrap.callers().refuse(caller_address(call))
        return _login_page(wanted, problem=_WRONG_KEY, status=401)
    log.info("operator logged in")
    session = Session("operator", int(time.time()), admin_key_hash=digest)
    return Redirect(wanted or HOME["operator"], session=session)


def log_out(call: OperatorPageCall) -> Redirect:  # noqa: ARG001 - the site drops the session of the call
    """End the session in this browser."""
    return Redirect(OPERATOR_LOGIN, ends_session=True)


def _digest_of(key: str) -> str:
    admin_keys = bootstrap.admin_keys()
    if admin_keys is None:
        raise Unauthenticated
    return admin_keys.newest_digest(key)


def _next_path(wanted: str) -> str:
    found = next_path(wanted)
    return found if is_operators(found.partition("?")[0]) else ""


def _login_page(wanted: str, *, problem: str = "", status: int = 200) -> Page:
    return Page("operator_login.html", "Operators", {"next": wanted, "problem": problem}, status=status)


ROUTES = (
    Route(f"GET {OPERATOR_LOGIN}", visitor, show_login),
    Route(f"POST {OPERATOR_LOGIN}", visitor, log_in),
    Route(f"POST {OPERATOR_LOGOUT}", operator_page, log_out),
)
