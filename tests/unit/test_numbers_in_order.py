"""The last of many numbered jobs is found by few look-ups."""

from __future__ import annotations

import pytest

from shared.domain.numbers_in_order import last_taken


@pytest.mark.parametrize("last", [*range(70), 1_000, 4_095, 4_096, 100_000])
@pytest.mark.parametrize("first", [0, 5])
def test_the_last_taken_number_is_found_by_few_look_ups(first: int, last: int) -> None:
    asked: list[int] = []

    def is_taken(number: int) -> bool:
        asked.append(number)
        return number <= last

    assert last_taken(first, is_taken) == max(first, last)
    assert len(asked) <= 2 * last.bit_length() + 1
