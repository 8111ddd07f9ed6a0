"""The proxy that functions and outside processes use. It forwards nothing to the internet.

Most of Google's addresses are settings, but not all. In the background google-auth calls IAM Credentials at a built-in
address, with the caller's token. A process that uses this proxy reaches that service in this cloud. The proxy refuses
every other host and reports its name. See docs/adr/0014.
"""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from devcloud.http_server import Handler, HttpServer, HttpService
from devcloud.identity import Identity, Unauthenticated
from devcloud.tls import IAM_CREDENTIALS, Tls

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LOOK_UP = "/allowedLocations"
_PERMISSION = "iam.serviceAccounts.get"
_STATUSES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 501: "UNIMPLEMENTED"}


class EgressProxy(HttpService):
    """An HTTP proxy on loopback. It reaches one service, this cloud's IAM Credentials, under Google's host name.

    `url` is the value for https_proxy and http_proxy.
    """

    def __init__(self, identity: Identity, tls: Tls) -> None:
        self._identity = identity
        context = tls.server_context()

        class OneTunnel(_Tunnel):
            tunnel_tls = context

        self._server = HttpServer(self._app, name="egress", handler=OneTunnel)

    @property
    def _app(self) -> WSGIApplication:
        return Request.application(self._answer)

    def _answer(self, request: Request) -> Response:
        host = request.host.partition(":")[0]
        if host != IAM_CREDENTIALS:
            return Response(f"{refusal(host)}\n", status=403)
        try:
            self._identity.caller(request.headers.get("Authorization"))
        except Unauthenticated as error:
            return _error(401, str(error))
        if request.method == "GET" and request.path.endswith(_LOOK_UP):
            # Neither the platform's accounts nor tenants' accounts have this permission, as in a deployment.
            return _error(403, f"Permission '{_PERMISSION}' denied on resource (or it may not exist).")
        return _error(501, f"devcloud does not implement {request.method} {request.path} of {host}")


class _Tunnel(Handler):
    """Opens a tunnel for requests to IAM Credentials. The same server answers them."""

    tunnel_tls: ssl.SSLContext

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        if host != IAM_CREDENTIALS:
            self.send_error(403, refusal(host))
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        try:
            self.connection = self.tunnel_tls.wrap_socket(self.connection, server_side=True)
        except OSError:  # the caller does not trust the certificate or has closed the connection
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()


def refusal(host: str) -> str:
    """The answer to a request for any other host."""
    return f"devcloud lets nothing out: {host}"


def _error(code: int, message: str) -> Response:
    body: dict[str, Any] = {"error": {"code": code, "message": message, "status": _STATUSES[code]}}
    return Response(json.dumps(body), status=code, content_type="application/json; charset=utf-8")
