"""Page tokens: those of to_token are accepted, all others are refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.requests.paging import Place, find_place, first_page
from shared.domain.requests.parsing import validated
from shared.errors import InvalidInput
from shared.use_cases.pipeline_runs import ListRequest


@given(st.datetimes(timezones=st.just(UTC)), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_token_returns_its_position(created_at: datetime, row_id: str) -> None:
    place = Place(created_at, row_id)
    assert find_place(place.to_token()) == place


@given(st.text(min_size=1, max_size=60))
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(InvalidInput):
        find_place(text)


def test_the_first_page_needs_no_token_and_the_last_has_none() -> None:
    rows = [Place(datetime(2025, 1, day, tzinfo=UTC), f"row {day}") for day in (3, 2, 1)]
    assert find_place(None) is None
    page, token = first_page(rows, 2, lambda row: row)
    assert (page, find_place(token)) == (rows[:2], rows[1])
    assert first_page(rows, 3, lambda row: row) == (rows, None)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_cannot_exist_is_refused(moment: str) -> None:
    token = base64.urlsafe_b64encode(json.dumps([moment, "x"]).encode()).decode().rstrip("=")
    with pytest.raises(InvalidInput):
        find_place(token)


@pytest.mark.parametrize("content", ["W10", "WzEsMl0", "WyJ4IiwieSJd", "eyJhIjoxfQ", "W1siMjAyNSJdLCJ5Il0", "bnVsbA"])
def test_json_of_another_shape_is_refused(content: str) -> None:
    with pytest.raises(InvalidInput):
        find_place(content)


@pytest.mark.parametrize("limit", ["1_0", "1.0", "+1", " 1", "1 ", "\uff11", "\u0661", "0x1", "1e1", "", "9" * 5000])
def test_a_limit_is_written_in_digits(limit: str) -> None:
    with pytest.raises(InvalidInput, match=r"^limit: must be an integer"):
        validated(ListRequest, {"limit": limit})
    assert validated(ListRequest, {"limit": "007"}).limit == 7
