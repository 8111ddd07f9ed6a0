"""`convergence costs` calls no day final that has no data."""

from __future__ import annotations

import pytest

from convergence.costs import until_line


@pytest.mark.parametrize(
    ("final_through", "told"),
    [
        ("2025-11-30", "final until 2025-11-14"),
        ("2025-10-31", "final until 2025-10-31"),
        (None, "nothing final yet"),
    ],
)
def test_final_is_told_up_to_the_last_day_with_data(final_through: str | None, told: str) -> None:
    assert until_line("AWS", "2025-11-14", final_through) == f"AWS: data until 2025-11-14, {told}"


def test_a_cloud_without_data_is_named_as_one() -> None:
    assert until_line("AWS", None, None) == "AWS: no data, nothing final yet"
