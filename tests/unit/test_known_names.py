"""Column names in another case get the known spelling at every depth; values do not change."""

from __future__ import annotations

import pyarrow as pa

from shared.connectors.known_names import with_known_names

KNOWN = pa.schema(
    [
        ("cost", pa.float64()),
        ("invoice", pa.struct([("month", pa.string())])),
        ("credits", pa.list_(pa.struct([("name", pa.string()), ("amount", pa.float64())]))),
    ]
)


def test_names_get_the_known_spelling() -> None:
    given = pa.RecordBatch.from_pylist(
        [
            {"Cost": 1.5, "INVOICE": {"Month": "202609"}, "Credits": [{"Amount": -1.0, "New": 7}, None], "Other": 1},
            {"Cost": None, "INVOICE": None, "Credits": None, "Other": 2},
            {"Cost": -2.0, "INVOICE": {"Month": None}, "Credits": [], "Other": 3},
        ]
    )
    assert with_known_names(given, KNOWN).to_pylist() == [
        {"cost": 1.5, "invoice": {"month": "202609"}, "credits": [{"amount": -1.0, "New": 7}, None], "Other": 1},
        {"cost": None, "invoice": None, "credits": None, "Other": 2},
        {"cost": -2.0, "invoice": {"month": None}, "credits": [], "Other": 3},
    ]


def test_a_batch_with_the_known_names_stays_as_it_is() -> None:
    given = pa.RecordBatch.from_pylist([{"cost": 1.5, "credits": [{"amount": -1.0}]}])
    assert with_known_names(given, KNOWN) is given
