"""Page tokens. A token contains the start of the next page and is opaque to the client."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from devcloud.bigquery.model import BigQueryError, Json
from devcloud.bigquery.rest.app import Call

_PREFIX = "devcloud:"


@dataclass(frozen=True)
class PageRequest:
    """The rows of a result to return, and their format; a `limit` of 0 returns none."""

    start: int = 0
    limit: int | None = None
    formats: Json = field(default_factory=dict)


def page_request(call: Call) -> PageRequest:
    """The page that `startIndex`, `pageToken`, `maxResults` and `formatOptions.*` request."""
    start = call.number("startIndex") or start_of(call.argument("pageToken"))
    return PageRequest(start, call.number("maxResults"), call.formats())


def token_for(start: int) -> str:
    """The token of the page that starts there."""
    return base64.urlsafe_b64encode(f"{_PREFIX}{start}".encode()).decode()


def start_of(token: str | None) -> int:
    """The start of the token's page, 0 without a token; raises invalid for a foreign token."""
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not text.startswith(_PREFIX) or not text[len(_PREFIX) :].isdigit():
        raise BigQueryError("invalid", f"Invalid page token: {token}")
    return int(text[len(_PREFIX) :])


def page_of(found: list[Json], call: Call, *, most: int = 1000) -> tuple[list[Json], Json]:
    """The page of a list that `maxResults` and `pageToken` ask for, and its `nextPageToken` if there is more."""
    start = start_of(call.argument("pageToken"))
    wanted = call.number("maxResults")
    end = start + min(most, wanted if wanted else most)
    return found[start:end], ({"nextPageToken": token_for(end)} if end < len(found) else {})
