"""Splits newest-first lists into pages. A token has the last row's place, which the caller has seen."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from shared.errors import InvalidInput

Row = TypeVar("Row")


@dataclass(frozen=True)
class Place:
    """A row's place in a list ordered by creation time and id; the next page begins after it."""

    created_at: datetime
    row_id: str

    def to_token(self) -> str:
        """The opaque text that callers send back."""
        text = json.dumps([self.created_at.astimezone(UTC).isoformat(), self.row_id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def first_page(rows: Sequence[Row], limit: int, place_of: Callable[[Row], Place]) -> tuple[Sequence[Row], str | None]:
    """The first `limit` rows, and the token of the next page, or None if there are no more rows."""
    page = rows[:limit]
    return page, place_of(page[-1]).to_token() if len(rows) > limit else None


def find_place(token: str | None) -> Place | None:
    """The place in a token, or None without a token. A text that to_token did not make raises InvalidInput."""
    if not token:
        return None
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        created_at, row_id = json.loads(text)
        place = Place(datetime.fromisoformat(created_at), row_id)
        if isinstance(row_id, str) and place.to_token() == token:
            return place
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        pass  # the text is not a token that to_token made
    raise InvalidInput.of_field("page_token", "is not a token of this list; use next_page_token of its answer")
