"""The parts of S3 that the product uses: ListObjectsV2, GetObject and HeadObject. Signatures are checked.

All buckets are in one region. The answer to a request that is signed for another region names the right one, as at AWS.
The service also stands for Cloud Storage's interface for S3's clients, which has the region `auto`.

An ETag is the MD5 of the content, as at AWS for an object that was uploaded at once. So an object that is written
again with the same bytes keeps its ETag.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from devcloud.http_server import HttpServer, HttpService
from devcloud.objects.buckets import Buckets, Found
from devcloud.objects.downloads import download, is_another
from devcloud.objects.signatures import signature_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

REGION = "eu-central-1"
_ANY_REGION = "auto"
_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"


class S3(HttpService):
    """S3 on loopback. A bucket's reader has an access key and may read this bucket only.

    One call lists `page_size` objects.
    """

    def __init__(self, buckets: Buckets, *, page_size: int = 1000) -> None:
        self.buckets, self._page_size = buckets, page_size
        self._server = HttpServer(self._app, name="s3")

    @property
    def _app(self) -> WSGIApplication:
        return Request.application(self._answer)

    def _answer(self, request: Request) -> Response:
        if request.form.get("Action") == "AssumeRoleWithWebIdentity":
            return _no_such_role()
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if refused := self._refused(request, bucket):
            return refused
        if request.method == "GET" and not key and request.args.get("list-type") == "2":
            return self._list(request, bucket)
        if request.method in ("GET", "HEAD") and key:
            return self._object(request, bucket, key)
        return _error(501, "NotImplemented", f"devcloud does not implement {request.method} {request.path}")

    def _refused(self, request: Request, bucket: str) -> Response | None:
        signature = signature_of(request)
        if signature is None:
            return _error(403, "AccessDenied", "The request has no signature")
        reader = self.buckets.reader_named(signature.access_key_id)
        if reader is None:
            return _error(403, "InvalidAccessKeyId", "The access key does not exist")
        if not signature.is_of(request, reader.secret):
            return _error(403, "SignatureDoesNotMatch", "The signature does not match")
        if signature.region not in (REGION, _ANY_REGION):
            return _other_region(signature.region)
        if not bucket or self.buckets.reader_of(bucket) is None:
            return _error(404, "NoSuchBucket", "The bucket does not exist")
        return None if reader.bucket == bucket else _error(403, "AccessDenied", "The key may not read this bucket")

    def _list(self, request: Request, bucket: str) -> Response:
        after = request.args.get("continuation-token", "")
        found = [each for each in self.buckets.list(bucket, request.args.get("prefix", "")) if each.key > after]
        page, is_url = list(map(_with_etag, found[: self._page_size])), request.args.get("encoding-type") == "url"
        rest = (
            f"<NextContinuationToken>{escape(page[-1].key)}</NextContinuationToken>" if found[self._page_size :] else ""
        )
        content = (
            f"<Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount><MaxKeys>{self._page_size}</MaxKeys>"
            f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{rest}"
            f"{'<EncodingType>url</EncodingType>' if is_url else ''}{''.join(_item(each, is_url) for each in page)}"
        )
        return _xml(f'<ListBucketResult xmlns="{_XMLNS}">{content}</ListBucketResult>')

    def _object(self, request: Request, bucket: str, key: str) -> Response:
        found = self.buckets.find(bucket, key)
        if found is None:
            return _error(404, "NoSuchKey", "The key does not exist")
        found = _with_etag(found)
        if is_another(request, found):
            return _error(412, "PreconditionFailed", "The object has another ETag")
        return download(request, found, request.headers.get("Range"), {})


def _with_etag(found: Found) -> Found:
    return replace(found, etag=_md5(found.path, found.etag))


@lru_cache(maxsize=10_000)
def _md5(path: Path, version: str) -> str:
    """The MD5 of a file in this version, read once."""
    del version
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _item(found: Found, is_url: bool) -> str:
    key = quote(found.key) if is_url else escape(found.key)
    modified_at = f"{found.modified_at:%Y-%m-%dT%H:%M:%S}.000Z"
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified_at}</LastModified>"
        f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{found.size}</Size></Contents>"
    )


def _error(status: int, code: str, message: str) -> Response:
    return _xml(f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>", status=status)


def _other_region(given: str) -> Response:
    message = f"The authorization header is malformed; the region '{given}' is wrong; expecting '{REGION}'"
    content = f"<Code>AuthorizationHeaderMalformed</Code><Message>{escape(message)}</Message><Region>{REGION}</Region>"
    response = _xml(f"<Error>{content}</Error>", status=400)
    response.headers["x-amz-bucket-region"] = REGION
    return response


def _no_such_role() -> Response:
    """STS's answer for a role that does not trust the caller. There are no roles here."""
    message = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    content = f"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message></Error>"
    return _xml(f"<ErrorResponse>{content}<RequestId>devcloud</RequestId></ErrorResponse>", status=403)


def _xml(text: str, *, status: int = 200) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', status=status, content_type="application/xml")
