"""Sends messages to addresses that tenants chose, and to nothing else: public addresses, by HTTPS, no redirects.

The name is resolved once, and the connection goes to an address that was checked. So a name that points elsewhere a
moment later leads nowhere else.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from shared.domain.alerts.addresses import check_url, is_local, is_loopback, is_public
from shared.domain.alerts.sending import Attempt

_CONNECT_SECONDS = 5.0
_ALL_SECONDS = 10.0
_MAX_ANSWER_BYTES = 1024  # read so that the receiver sees the answer taken, and then dropped
_PRIVATE = "The name leads to an address of a private network; use a public one."
_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "The receiver's certificate is not valid for its name."),
    (ssl.SSLError, "The receiver does not speak TLS as it should."),
    (TimeoutError, "The receiver did not answer in time."),
    (ConnectionRefusedError, "The receiver refuses connections."),
    (Exception, "The connection broke before the receiver answered."),
)

Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host, in the resolver's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class RefusedError(Exception):
    """The message may not be sent to this address. The text says why."""


@dataclass(frozen=True)
class Webhooks:
    """Sends messages. `allows_local`: whether a plain address of this machine is allowed, for the local cloud."""

    allows_local: bool = False
    resolve: Resolve = resolve
    connect_seconds: float = _CONNECT_SECONDS
    all_seconds: float = _ALL_SECONDS

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """POST the body once. Nothing is raised: the attempt says what happened, without the answer's body."""
        parts = urlsplit(url)
        try:
            return self._post(parts, self._checked_address(url, parts), body, headers)
        except RefusedError as error:
            return Attempt(problem=str(error))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Attempt(problem=next(words for kind, words in _PROBLEMS if isinstance(error, kind)))

    def _checked_address(self, url: str, parts: SplitResult) -> str:
        try:
            check_url(url)
        except ValueError as error:
            raise RefusedError(f"The address {error}.") from error
        local = is_local(url)
        if local and not self.allows_local:
            raise RefusedError("The address must begin with https://.")
        host = parts.hostname or ""
        try:
            found = self.resolve(host, _port(parts))
        except (OSError, UnicodeError) as error:
            raise RefusedError("The receiver's name cannot be resolved.") from error
        is_allowed = is_loopback if local else is_public
        if not found or not all(map(is_allowed, found)):
            raise RefusedError(_PRIVATE)
        return found[0]

    def _post(self, parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        line = _Line()
        cut = threading.Timer(self.all_seconds, line.cut)
        cut.daemon = True
        cut.start()
        try:
            connection = line.connect(address, parts, self.connect_seconds)
            target = parts.path or "/"
            connection.request("POST", f"{target}?{parts.query}" if parts.query else target, body, dict(headers))
            answer = connection.getresponse()
            if line.was_cut.is_set():  # the headers had no end
                raise TimeoutError
            answer.read(_MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            if line.was_cut.is_set():  # which shows as any of these errors
                raise TimeoutError from error
            raise
        finally:
            cut.cancel()
            line.close()
        return _attempt(answer.status)


def _attempt(status: int) -> Attempt:
    if 200 <= status < 300:
        return Attempt(status)
    if 300 <= status < 400:
        return Attempt(status, f"The receiver redirects ({status}), which is not followed; set the final address.")
    return Attempt(status, f"The receiver answered with status {status}.")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


@dataclass
class _Line:
    """The connection to a receiver. Another thread may cut it, in whatever state it is."""

    sock: socket.socket | None = None
    was_cut: threading.Event = field(default_factory=threading.Event)

    def connect(self, address: str, parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
        """Connect to the checked address, and speak to the receiver by its name."""
        host, port = parts.hostname or "", _port(parts)
        self.sock = socket.create_connection((address, port), timeout=seconds)
        connection: http.client.HTTPConnection
        if parts.scheme == "http":
            connection = http.client.HTTPConnection(host, port)
        else:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, context=context)
            wrapped = context.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
            self.sock = wrapped
            wrapped.do_handshake()
        connection.sock = self.sock
        return connection

    def cut(self) -> None:
        """End all waiting for the receiver, even if it sends a byte now and then."""
        self.was_cut.set()
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def close(self) -> None:
        """Close the connection."""
        if self.sock is not None:
            self.sock.close()
