"""A receiver of webhooks on this machine, as a tenant would run one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """One request that arrived: its headers in lower case, and its body as it was sent."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Json:
        """The body's JSON."""
        found: Json = json.loads(self.body)
        return found

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is the one that https://www.standardwebhooks.com prescribes for this secret."""
        sent = self.headers
        signed = b".".join([sent["webhook-id"].encode(), sent["webhook-timestamp"].encode(), self.body])
        key = base64.b64decode(secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(sent["webhook-signature"], f"v1,{wanted}")


@dataclass
class Receiver:
    """Answers with each of `statuses` once, and then with 204. It keeps what arrived."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, request: Received) -> int:
        """Keep a request and return the status of its answer."""
        with self.arrived:
            self.received.append(request)
            self.arrived.notify_all()
            return self.statuses.pop(0) if self.statuses else 204

    def await_messages(self, count: int) -> list[Received]:
        """Wait for this number of messages and return them."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, timeout=60)
            return list(self.received[:count])


@contextmanager
def receiver(*statuses: int, headers: Mapping[str, str] | None = None) -> Iterator[Receiver]:
    """A receiver that runs while the block does, on a free port of the loopback interface."""
    kept = Receiver(statuses=list(statuses), headers=headers or {})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.take(Received({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            for name, value in kept.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the standard library
            """Say nothing: the test looks at what arrived."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}/alerts?from=convergence"
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield kept
        server.shutdown()
