"""The demo's table of several clouds: sums by day, and bars whose parts are the clouds' shares."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

from rich.console import Console

from devcloud.demo.all_clouds_table import DayCost, all_clouds_table, until_line

FIRST, SECOND = date(2025, 11, 11), date(2025, 11, 12)
COSTS = [
    DayCost("AWS", "Compute", FIRST, Decimal(6)),
    DayCost("AWS", "Storage", SECOND, Decimal("-1.005")),
    DayCost("Google Cloud", "Compute", FIRST, Decimal(3)),
    DayCost("Google Cloud", "Storage", SECOND, Decimal(9)),
]


def test_a_row_has_the_sums_of_its_days_and_a_bar_of_its_clouds() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(all_clouds_table(COSTS, [FIRST, SECOND], "USD"))
    assert isinstance(console.file, io.StringIO)
    rows = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert [line.split() for line in rows] == [
        ["all", "clouds", "11", "Nov", "12", "Nov", "USD"],
        ["Compute", "9.00", "9.00", "█" * 4 + "▓" * 10],
        ["Storage", "8.00", "8.00", "█" * 14],
        ["█", "Google", "Cloud", "3.00", "9.00", "12.00", "█" * 18],
        ["▓", "AWS", "6.00", "-1.00", "5.00", "▓" * 7],
        ["all", "clouds", "9.00", "8.00", "17.00"],
    ]


def test_a_line_says_until_when_a_clouds_costs_are_final() -> None:
    assert [until_line("AWS", SECOND, date(2025, 10, 31)), until_line("Microsoft", SECOND, None)] == [
        "   AWS           data until 12 Nov 2025, final until 31 Oct 2025",
        "   Microsoft     data until 12 Nov 2025, no month of it is final",
    ]
