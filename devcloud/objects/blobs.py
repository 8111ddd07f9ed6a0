"""The parts of Azure that the product uses: Entra's token endpoint, List Blobs, Get Blob and Get Blob Properties.

It follows Azure's reference: it lists in pages, quotes ETags in headers but not in lists, and supports If-Match. Both
services have one address and use HTTPS, because Azure's clients require it.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import crypt, jwt
from google.auth.exceptions import GoogleAuthError
from werkzeug.wrappers import Request, Response

from devcloud.http_server import HttpServer, HttpService
from devcloud.identity.identity import ISSUER, TOKEN_SECONDS
from devcloud.objects.buckets import Buckets, Found, Reader
from devcloud.objects.downloads import download, is_another
from devcloud.tls import Tls

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Json = dict[str, Any]
# The only directory in this Entra.
DIRECTORY = "11111111-2222-4333-8444-555555555555"
_PAGE_SIZE = 5000  # blobs in one answer, or as many as the request wants if these are fewer
_AUDIENCE, _ISSUERS = "https://storage.azure.com", "https://sts.windows.net/"
_SCOPE = f"{_AUDIENCE}/.default"
_CONFIGURATION = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")


class BlobService(HttpService):
    """Blob storage and Entra on loopback. A container's reader is an application with a secret.

    An application may also trust tokens of Google's, which are checked by the certificates that `certificates` gives.

    The name of a bucket is the storage account, a slash and the container.
    """

    def __init__(self, buckets: Buckets, tls: Tls, certificates: Callable[[], Mapping[str, str]]) -> None:
        self.buckets, self._certificates = buckets, certificates
        self._issued: dict[str, str] = {}  # tokens, each with its application
        self._signer = crypt.EsSigner(ec.generate_private_key(ec.SECP256R1()), "devcloud")
        self._server = HttpServer(self._app, name="azure", tls=tls.server_context())

    def token(self, form: Mapping[str, str]) -> tuple[int, Json]:
        """Entra's answer to a request for a token."""
        if form.get("scope") != _SCOPE or form.get("grant_type") != "client_credentials":
            return 400, {"error": "invalid_scope", "error_description": "AADSTS70011: The scope is not valid."}
        reader = self.buckets.reader_named(form.get("client_id", ""))
        if reader is None:
            return 400, {"error": "unauthorized_client", "error_description": "AADSTS700016: No such application."}
        if refused := self.refusal_of(form, reader):
            return 401, {"error": "invalid_client", "error_description": refused}
        return 200, {
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS - 1,
            "ext_expires_in": TOKEN_SECONDS - 1,
            "access_token": self._new_token(reader.id),
        }

    def refusal_of(self, form: Mapping[str, str], reader: Reader) -> str | None:
        """Why the caller has not proved that it is the application; None if it has."""
        if "client_assertion" not in form:
            is_right = form.get("client_secret") == reader.secret
            return None if is_right else "AADSTS7000215: Invalid client secret provided."
        try:
            claims = jwt.decode(form["client_assertion"], certs=self._certificates())
        except (ValueError, GoogleAuthError):
            return "AADSTS50027: JWT token is invalid or malformed."
        trusted = {"iss": ISSUER, **(reader.trusts or {"sub": "nobody"})}
        if trusted.items() <= claims.items():
            return None
        return "AADSTS700213: No matching federated identity record found for the presented assertion."

    def claims(self, application: str) -> Json:
        """The claims of a new token, as Entra's have them. Other servers of Blob storage read them too."""
        now = int(time.time())
        return {
            "aud": _AUDIENCE,
            "iss": f"{_ISSUERS}{DIRECTORY}/",
            "tid": DIRECTORY,
            "appid": application,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "uti": uuid.uuid4().hex,
        }

    def _new_token(self, application: str) -> str:
        token: bytes = jwt.encode(self._signer, self.claims(application))
        self._issued[token.decode()] = application
        return token.decode()

    def _application_of(self, request: Request) -> str | None:
        """The application that a valid token of the request is for."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._issued:
            return None
        claims = jwt.decode(token, verify=False)
        is_valid = claims["exp"] > time.time() and claims["aud"] == _AUDIENCE and claims["iss"].startswith(_ISSUERS)
        return self._issued[token] if is_valid else None

    @property
    def _app(self) -> WSGIApplication:
        return Request.application(self._answer)

    def _answer(self, request: Request) -> Response:
        if request.method == "POST" and request.path == f"/{DIRECTORY}/oauth2/v2.0/token":
            return _json(*self.token(request.form))
        if request.method == "POST" and request.path.endswith("/oauth2/v2.0/token"):
            return _no_such_directory(request.path.split("/")[1])
        if match := _CONFIGURATION.fullmatch(request.path):
            return self._directory(match[1])
        account, _, rest = request.path.removeprefix("/").partition("/")
        container, _, key = rest.partition("/")
        refused = self._refused(request, f"{account}/{container}")
        return refused or self.read(request, f"{account}/{container}", key)

    def _refused(self, request: Request, bucket: str) -> Response | None:
        application = self._application_of(request)
        if application is None:
            return refusal(401, "InvalidAuthenticationInfo")
        reader = self.buckets.reader_of(bucket)
        if reader is None:
            return refusal(404, "ContainerNotFound")
        return None if reader.id == application else refusal(403, "AuthorizationPermissionMismatch")

    def read(self, request: Request, bucket: str, key: str) -> Response:
        """The answer to a GET or HEAD request of an application that may read."""
        if request.args.get("comp") == "list":
            return self._list(request, bucket)
        found = self.buckets.find(bucket, key) if key else None
        if found is None:
            return refusal(404, "BlobNotFound")
        if is_another(request, found):
            return refusal(412, "ConditionNotMet")
        wanted = request.headers.get("x-ms-range") or request.headers.get("Range")
        return download(request, found, wanted, {"x-ms-blob-type": "BlockBlob"})

    def _directory(self, directory: str) -> Response:
        if directory != DIRECTORY:
            return _no_such_directory(directory)
        place = f"{self.url}/{DIRECTORY}"
        told_of = {"issuer": f"{place}/v2.0", "authorization_endpoint": f"{place}/oauth2/v2.0/authorize"}
        return _json(200, told_of | {"token_endpoint": f"{place}/oauth2/v2.0/token"})

    def _list(self, request: Request, bucket: str) -> Response:
        found = self.buckets.list(bucket, request.args.get("prefix", ""))
        found = [each for each in found if each.key >= request.args.get("marker", "")]
        size = min(_PAGE_SIZE, request.args.get("maxresults", _PAGE_SIZE, type=int))
        page, rest = found[:size], found[size:]
        marker = escape(rest[0].key) if rest else ""
        content = f"<Blobs>{''.join(map(_item, page))}</Blobs><NextMarker>{marker}</NextMarker>"
        text = f'<?xml version="1.0"?><EnumerationResults>{content}</EnumerationResults>'
        return Response(text, content_type="application/xml")


def refusal(status: int, code: str) -> Response:
    """An error as Blob storage words it."""
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Response(text, status=status, content_type="application/xml", headers={"x-ms-error-code": code})


def _no_such_directory(directory: str) -> Response:
    message = f"AADSTS90002: Tenant '{directory}' not found."
    return _json(400, {"error": "invalid_tenant", "error_description": message})


def _json(status: int, content: Json) -> Response:
    return Response(json.dumps(content), status=status, content_type="application/json")


def _item(found: Found) -> str:
    modified_at = format_datetime(found.modified_at, usegmt=True)
    return (
        f"<Blob><Name>{escape(found.key)}</Name><Properties><Last-Modified>{modified_at}</Last-Modified>"
        f"<Etag>{found.etag}</Etag><Content-Length>{found.size}</Content-Length>"
        "<BlobType>BlockBlob</BlobType></Properties></Blob>"
    )
