"""Google's token endpoint and certificate page, for the keys of this cloud."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from devcloud.http_server import HttpServer, HttpService
from devcloud.identity.identity import TOKEN_SECONDS, Identity, Unauthenticated

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GOOGLE_AUDIENCES = ("https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token")


class TokenServer(HttpService):
    """POST /token and GET /certs on loopback, on the port of the last start if it is free.

    The port should stay the same, because keys contain the address of their token server.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._server = HttpServer(self._app, name="token-server")

    @property
    def certs_url(self) -> str:
        """The URL of the certificates of OIDC tokens."""
        return f"{self.url}/certs"

    def start(self) -> None:
        """Bind and serve, and let minted keys name this server."""
        former = self._identity.former_token_uri
        self.take_again(urlsplit(former).port or 0 if former else 0)
        super().start()
        self._identity.token_uri = f"{self.url}/token"

    @property
    def _app(self) -> WSGIApplication:
        return Request.application(self._answer)

    def _answer(self, request: Request) -> Response:
        routes = {("POST", "/token"): self._token, ("GET", "/certs"): self._certs}
        answer = routes.get((request.method, request.path))
        return answer(request) if answer else _json({"error": "not_found"}, status=404)

    def _certs(self, _request: Request) -> Response:
        response = _json(self._identity.certs())
        response.headers["Cache-Control"] = "public, max-age=3600, must-revalidate, no-transform"
        return response

    def _token(self, request: Request) -> Response:
        if request.form.get("grant_type") != _GRANT:
            return _refusal("unsupported_grant_type", f"Invalid grant_type: {request.form.get('grant_type', '')}")
        try:
            email, claims = self._identity.account_of(request.form.get("assertion", ""))
        except Unauthenticated as error:
            return _refusal("invalid_grant", f"Invalid JWT: {error}")
        # google-auth signs for Google's address, even if the key has another token_uri.
        if claims.get("aud") not in (*_GOOGLE_AUDIENCES, self._identity.token_uri):
            return _refusal("invalid_grant", "Invalid JWT: wrong audience")
        if claims.get("target_audience"):
            return _json({"id_token": self._identity.id_token(email, str(claims["target_audience"]))})
        token = self._identity.access_token(email)
        return _json({"access_token": token, "expires_in": TOKEN_SECONDS - 1, "token_type": "Bearer"})


def _json(body: object, *, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json; charset=utf-8")


def _refusal(error: str, description: str) -> Response:
    return _json({"error": error, "error_description": description}, status=400)
