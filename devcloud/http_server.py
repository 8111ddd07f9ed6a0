"""A small threaded HTTP server on loopback. No thread of it outlives `stop`."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from devcloud.chunks import Chunks

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_STOP_SECONDS = 2.0


class HttpServer:
    """Serves a WSGI application on 127.0.0.1, by HTTPS if `tls` is given. With `port` 0, `start` takes a free port."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        name: str,
        port: int = 0,
        handler: type[Handler] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._app, self._name, self.port, self._handler = app, name, port, handler or Handler
        self._scheme = "https" if tls else "http"
        if tls:
            self._handler = type("TlsHandler", (self._handler,), {"tls": tls})
        self.former_port = 0  # the port of the last start, used again if it is free
        self._server: _Server | None = None
        self._acceptor: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The URL at which it listens, without a trailing slash."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Bind and serve; raises OSError if `port` is taken."""
        # werkzeug ends the process if it cannot bind, so it gets a socket that is already bound.
        with _first_bound(self.former_port, self.port) as bound:
            self._server = _Server("127.0.0.1", bound.getsockname()[1], self._app, self._handler, fd=bound.fileno())
        self.port = self._server.port
        self._acceptor = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=f"{self._name}-http", daemon=True
        )
        self._acceptor.start()

    def stop(self) -> None:
        """Stop accepting, wait for the requests under way, close; safe to call twice."""
        server, self._server = self._server, None
        if server is None or self._acceptor is None:
            return
        server.shutdown()
        self._acceptor.join()
        server.finish_requests(time.monotonic() + _STOP_SECONDS)


class HttpService:
    """A service that has an HttpServer of its own: a subclass sets `_server`."""

    _server: HttpServer

    @property
    def url(self) -> str:
        """The URL at which it listens, without a trailing slash."""
        return self._server.url

    def take_again(self, port: int) -> None:
        """Use the port of the last start if it is free."""
        self._server.former_port = port

    def start(self) -> None:
        """Bind and serve."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving; safe to call twice."""
        self._server.stop()


def _first_bound(former_port: int, port: int) -> socket.socket:
    if former_port:
        with contextlib.suppress(OSError):  # another program took it in the meantime
            return _bound_socket(former_port)
    return _bound_socket(port)


def _bound_socket(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


class Handler(WSGIRequestHandler):
    """One connection of such a server."""

    protocol_version = "HTTP/1.1"
    tls: ssl.SSLContext | None = None

    def setup(self) -> None:
        """Open the connection in its own thread, so that nobody waits for a slow handshake."""
        if self.tls:
            self.request = self.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        """Close the connection. With TLS it has another socket than the one from the server."""
        super().finish()
        if self.tls:
            self.connection.close()

    def make_environ(self) -> WSGIEnvironment:
        """The request in the form of WSGI, with a reader for chunked bodies."""
        environ = super().make_environ()
        if environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower() == "chunked":
            environ["wsgi.input"] = Chunks(self.rfile)
        return environ

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write no access log, because the services keep records of their own."""


class _Server(ThreadedWSGIServer):
    """Keeps its request threads and connections, so that it can wait for them and cut them after a deadline."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._under_way: dict[threading.Thread, socket.socket] = {}
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._serve, args=(request, client_address), name=f"request-{self.port}", daemon=True
        )
        self._under_way[thread] = request
        thread.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            self._under_way.pop(threading.current_thread(), None)

    def finish_requests(self, deadline: float) -> None:
        """Wait for requests until `deadline` (monotonic), then cut the connections of those that remain."""
        for thread in list(self._under_way):
            thread.join(max(0.0, deadline - time.monotonic()))
        for thread, connection in list(self._under_way.items()):
            with contextlib.suppress(OSError):  # closed in the meantime by its own thread
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(1.0)
