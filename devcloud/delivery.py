"""HTTP calls of Cloud Tasks and Cloud Scheduler: one attempt, its outcome, and the time of the next."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from google.rpc import code_pb2

_CODES = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    409: code_pb2.ABORTED,
    429: code_pb2.RESOURCE_EXHAUSTED,
    499: code_pb2.CANCELLED,
    500: code_pb2.INTERNAL,
    501: code_pb2.UNIMPLEMENTED,
    503: code_pb2.UNAVAILABLE,
    504: code_pb2.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True)
class Call:
    """The call to send, and the time limit of its handler."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    deadline_seconds: float


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt: an HTTP status, or `status` None with the reason why there was no answer."""

    status: int | None
    code: int
    message: str

    @property
    def ok(self) -> bool:
        """Whether the handler acknowledged: 2xx only, a redirect is a failure."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class RetryRule:
    """Backoff and limits of attempts. There is no limit if `max_attempts` is None, or if `max_age_seconds` is 0."""

    max_attempts: int | None
    max_age_seconds: float
    min_backoff_seconds: float
    max_backoff_seconds: float
    max_doublings: int

    def delay_seconds(self, attempts: int, age_seconds: float) -> float | None:
        """The pause after failed attempt number `attempts` (from 1); None to give up.

        If both limits are set, attempts go on until both are reached. The interval doubles `max_doublings` times.
        Then it grows by the last doubled interval, up to the maximum.
        """
        if self._exhausted(attempts, age_seconds):
            return None
        doublings = min(attempts - 1, self.max_doublings)
        interval: float = self.min_backoff_seconds * 2**doublings * max(1, attempts - self.max_doublings)
        return min(interval, self.max_backoff_seconds)

    def _exhausted(self, attempts: int, age_seconds: float) -> bool:
        too_old = age_seconds >= self.max_age_seconds > 0
        if self.max_attempts is None:
            return too_old
        return attempts >= self.max_attempts and (too_old or not self.max_age_seconds)


class Deliverer:
    """Sends calls from many threads. `stop` cuts the calls that still run, so that no thread outlives it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: set[http.client.HTTPConnection] = set()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called, which may be why a call failed."""
        return self._stopped

    def send(self, call: Call) -> Outcome:
        """Make one attempt; any failure, of the network or by an invalid URL or header, becomes an outcome."""
        try:
            return self._exchange(call)
        except TimeoutError:
            return Outcome(None, code_pb2.DEADLINE_EXCEEDED, f"no answer within {call.deadline_seconds:g} s")
        except (OSError, http.client.HTTPException) as error:
            return Outcome(None, code_pb2.UNAVAILABLE, f"{type(error).__name__}: {error}")
        except ValueError as error:  # a URL or header that HTTP cannot carry
            return Outcome(None, code_pb2.INVALID_ARGUMENT, str(error))

    def _exchange(self, call: Call) -> Outcome:
        parts = urlsplit(call.url)
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(parts.netloc, timeout=call.deadline_seconds)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.connect()
            with self._lock:
                if self._stopped:
                    return Outcome(None, code_pb2.CANCELLED, "stopped")
                self._under_way.add(connection)
            connection.request(call.method, target, body=call.body, headers=dict(call.headers))
            response = connection.getresponse()
            response.read()
            return _answered(response.status)
        finally:
            with self._lock:
                self._under_way.discard(connection)
            connection.close()

    def stop(self) -> None:
        """Cut the calls that still run, and send nothing more."""
        with self._lock:
            self._stopped = True
            for connection in self._under_way:
                with contextlib.suppress(OSError, AttributeError):  # closed in the meantime
                    connection.sock.shutdown(socket.SHUT_RDWR)


def _answered(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(status, code_pb2.OK, "")
    return Outcome(status, _CODES.get(status, code_pb2.UNKNOWN), f"HTTP status code {status}")
