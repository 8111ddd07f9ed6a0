"""The policies that the console's routes name. Each says who may use a page, and checks every form.

A request that changes something must come from a page of the console itself: the browser's headers say so, and the form
has the token of the session.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from urllib.parse import parse_qsl, urlsplit

from werkzeug.datastructures import Headers

from shared import bootstrap
from shared.configuration.settings import get_settings
from shared.console.cookies import read_cookie
from shared.console.links import Links
from shared.console.sessions import Kind, Session, Sessions
from shared.domain.requests.auth import KeyOwner, PresentedKey, TenantReader
from shared.errors import Forbidden, InvalidInput, Unauthenticated, UnsupportedMediaType
from shared.http.messages import Call, HttpRequest
from shared.http.policies import caller_address
from shared.runtime import log

_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 100
_STALE = "This form is out of date or came from another site. Go back, reload the page, and send the form again."
TOKEN_FIELD = "form_token"  # noqa: S105 - the name of a field


@dataclass(frozen=True)
class Visit:
    """A request of a browser: its session, and the fields of the form if it sent one."""

    session: Session
    form: Mapping[str, str]


@dataclass(frozen=True)
class TenantVisit(Visit):
    """A request of a tenant whose key is live. Call `reader.charge_query` before each query of your own."""

    key: PresentedKey
    owner: KeyOwner
    reader: TenantReader


@dataclass(frozen=True)
class OperatorVisit(Visit):
    """A request of an operator. Call `charge_query` before each query of your own.

    `reader_of` makes a reader of a tenant's tables that counts against the operator's limits.
    """

    charge_query: Callable[[], None]
    reader_of: Callable[[str], TenantReader]


VisitCall = Call[Visit]
OperatorPageCall = Call[OperatorVisit]
TenantPageCall = Call[TenantVisit]


@cache
def sessions() -> Sessions:
    """The sessions of this process."""
    return Sessions(bootstrap.seals(), get_settings().session_seconds)


@cache
def links() -> Links:
    """The links of this process."""
    return Links(bootstrap.seals())


def anybody(request: HttpRequest) -> None:  # noqa: ARG001 - a policy gets the request
    """Accept everybody. The route shows nothing that is anybody's."""
    return


def visitor(request: HttpRequest) -> Visit:
    """Accept every browser. A browser without a session gets a visitor's, so that its forms have a token."""
    session = _find(request, "visitor")
    if session is None and request.method == "POST":
        raise Forbidden(_STALE)
    session = session or Session("visitor", int(time.time()))
    return Visit(session, _form(request, session))


def tenant_page(request: HttpRequest) -> TenantVisit:
    """Accept a tenant's session while its key is live. At most one job; it charges no query of the page itself.

    A revoked key, a suspended tenant and a session that is too old get the same answer as no session: Unauthenticated.
    """
    session = _find(request, "tenant")
    if session is None:
        raise Unauthenticated
    form = _form(request, session)
    callers, key = bootstrap.callers(), PresentedKey(session.api_key_hash, session.tenant_id)
    log.bind(tenant_id=session.tenant_id)
    callers.check_key(key.api_key_hash, address=caller_address(request))
    try:
        owner = callers.require_owner(key)
    except Forbidden as error:  # the login says why
        raise Unauthenticated from error
    return TenantVisit(session, form, key, owner, callers.reader_of(owner.tenant_id, key.api_key_hash))


def operator_page(request: HttpRequest) -> OperatorVisit:
    """Accept an operator's session while its admin key is the newest one. No job."""
    session = _find(request, "operator")
    if session is None:
        raise Unauthenticated
    form, admin_keys = _form(request, session), bootstrap.admin_keys()
    if admin_keys is None or not admin_keys.is_newest(session.admin_key_hash):
        raise Unauthenticated
    callers, key = bootstrap.callers(), session.admin_key_hash
    return OperatorVisit(session, form, partial(callers.charge_query, key), partial(callers.reader_of, key_hash=key))


def _find(request: HttpRequest, kind: Kind) -> Session | None:
    return sessions().find(kind, read_cookie(request.headers, kind), now=time.time())


def _form(request: HttpRequest, session: Session) -> Mapping[str, str]:
    """The form's fields. It raises Forbidden for a form of another site or another session."""
    if request.method != "POST":
        return {}
    if not is_from_here(request.headers):
        raise Forbidden(_STALE)
    fields = form_fields(request)
    if not sessions().is_form_token(session, fields.get(TOKEN_FIELD, "")):
        raise Forbidden(_STALE)
    return fields


def is_from_here(headers: Headers) -> bool:
    """Whether the browser says that a page of the console sent the request. Older browsers say it in Origin only."""
    if site := headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    return headers.get("Origin") == _origin_of(get_settings().require("console_url"))


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def form_fields(request: HttpRequest) -> dict[str, str]:
    """The fields of a form; InvalidInput if one is there twice, or is no UTF-8."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _FORM:
        raise UnsupportedMediaType(f"The request body must be {_FORM}.")
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput("The form is not valid.") from None  # the cause may quote a key
    if len(fields := dict(pairs)) != len(pairs):
        raise InvalidInput("The form has a field twice.")
    return fields
