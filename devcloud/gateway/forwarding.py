"""Forwards a request to a function's process as Cloud Run does: adds headers, applies limits, reports failures."""

from __future__ import annotations

import http.client
import re
import secrets
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers

MAX_BODY_BYTES = 32 * 1024 * 1024  # Cloud Run's limit for HTTP/1 requests

# These headers belong to one connection (RFC 9110, 7.6.1). The body is forwarded as a whole, so its framing headers are
# written anew too.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "content-length", "expect"}
)
# W3C Trace Context, version 00. A header in another form, or with an id of zeros, counts as absent.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_OURS = frozenset({"server", "date"})  # each server writes its own


class NotReached(Exception):
    """The process does not accept connections. It has not seen the request, so another process may serve it."""


class CutOff(Exception):
    """The process died while it handled the request."""


class TimedOut(Exception):
    """The function took longer than its timeout."""


@dataclass(frozen=True)
class Answer:
    """The function's answer."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def forward(method: str, target: str, headers: Headers, body: bytes, *, port: int, timeout_seconds: float) -> Answer:
    """The function's answer for `target`, the raw path and query; raises NotReached, CutOff or TimedOut."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        try:
            connection.connect()
        except OSError as error:
            raise NotReached(str(error)) from error
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        dropped = _HOP_BY_HOP | _OURS
        received = [(name, value) for name, value in response.getheaders() if name.lower() not in dropped]
        return Answer(response.status, received, response.read())
    except TimeoutError as error:
        raise TimedOut(f"no answer after {timeout_seconds:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise CutOff(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def outgoing_headers(received: Headers, *, client: str, authorization: str | None) -> Headers:
    """The headers that the function gets. `authorization`, the trace and the client are as from Google's front end."""
    headers = Headers([(name, value) for name, value in received.items() if name.lower() not in _HOP_BY_HOP])
    if authorization is not None:
        headers["Authorization"] = authorization
    _add_trace(headers)
    forwarded = headers.get("X-Forwarded-For")
    headers["X-Forwarded-For"] = f"{forwarded},{client}" if forwarded else client
    headers["X-Forwarded-Proto"] = "http"
    return headers


def _add_trace(headers: Headers) -> None:
    """Add both forms of the trace. If one is missing or malformed, it is made from the other."""
    parts = (headers.get("traceparent") or "").split("-")
    if not _TRACEPARENT.fullmatch("-".join(parts)):
        trace, _, rest = (headers.get("X-Cloud-Trace-Context") or "").partition("/")
        span = rest.partition(";")[0]
        trace_id = trace if len(trace) == 32 else secrets.token_hex(16)
        span_id = f"{int(span) % 2**64:016x}" if span.isdecimal() else secrets.token_hex(8)
        parts = ["00", trace_id, span_id, "01"]
        headers["traceparent"] = "-".join(parts)
    if "X-Cloud-Trace-Context" not in headers:
        sampled = "1" if parts[3] == "01" else "0"
        headers["X-Cloud-Trace-Context"] = f"{parts[1]}/{int(parts[2], 16)};o={sampled}"
