"""Answers a GET or HEAD request for an object: the whole object, a range of it, or a refused condition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import format_datetime

from werkzeug.wrappers import Request, Response

from devcloud.objects.buckets import Found

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def is_another(request: Request, found: Found) -> bool:
    """Whether the request is for another version of the object."""
    wanted = request.headers.get("If-Match")
    return wanted is not None and wanted.strip('"') != found.etag


def download(request: Request, found: Found, wanted: str | None, headers: Mapping[str, str]) -> Response:
    """The object or its wanted range, with these headers."""
    facts = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(found.modified_at, usegmt=True),
        "Accept-Ranges": "bytes",
        **headers,
    }
    start, end, status = 0, found.size, 200
    if wanted and (match := _RANGE.fullmatch(wanted)):
        start, end = int(match[1]), min(int(match[2] or found.size) + 1, found.size)
        if start >= found.size:
            return Response(status=416, headers={"Content-Range": f"bytes */{found.size}"})
        status = 206
        facts["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    content = () if request.method == "HEAD" else found.pieces(start, end)
    answer = Response(content, status=status, headers=facts, content_type="application/octet-stream")
    answer.content_length = end - start
    return answer
