"""Page tokens: those of to_token are accepted, all others are refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.requests.paging import Place, parse_page_token
from shared.errors import InvalidInput


@given(st.datetimes(timezones=st.just(UTC)), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_token_leads_back_to_its_place(created_at: datetime, row_id: str) -> None:
    place = Place(created_at, row_id)
    assert parse_page_token(place.to_token()) == place


@given(st.text(max_size=60))
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_page_token(text)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_outside_of_time_is_no_token(moment: str) -> None:
    token = base64.urlsafe_b64encode(json.dumps([moment, "x"]).encode()).decode().rstrip("=")
    with pytest.raises(InvalidInput):
        parse_page_token(token)


@pytest.mark.parametrize("content", ["W10", "WzEsMl0", "WyJ4IiwieSJd", "eyJhIjoxfQ", "W1siMjAyNSJdLCJ5Il0", "bnVsbA"])
def test_json_of_another_shape_is_no_token(content: str) -> None:
    with pytest.raises(InvalidInput):
        parse_page_token(content)
