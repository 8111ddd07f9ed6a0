"""Refuses BYTES arguments of functions that are implemented only for text and numbers."""

from __future__ import annotations

from devcloud.bigquery.sql import operators
from devcloud.bigquery.sql.functions import math, strings
from devcloud.bigquery.sql.registry import FUNCTIONS, define, later

__all__ = ["math", "operators", "strings"]  # imported first: they register the other signatures of these functions

_SIGNATURES = {
    "SUBSTR SUBSTRING": ("BYTES INT64 -> BYTES", "BYTES INT64 INT64 -> BYTES"),
    "STARTS_WITH ENDS_WITH": ("BYTES BYTES -> BOOL",),
    "LIKE": ("BYTES BYTES -> BOOL",),
    "REVERSE UPPER LOWER ~": ("BYTES -> BYTES",),
    "TRIM LTRIM RTRIM & | ^": ("BYTES BYTES -> BYTES",),
    "REPLACE TRANSLATE": ("BYTES BYTES BYTES -> BYTES",),
    "REPEAT LEFT RIGHT << >>": ("BYTES INT64 -> BYTES",),
    "LPAD RPAD": ("BYTES INT64 -> BYTES", "BYTES INT64 BYTES -> BYTES"),
    "SPLIT": ("BYTES BYTES -> ARRAY<BYTES>",),
    "STRPOS INSTR": ("BYTES BYTES -> INT64",),
    "BIT_COUNT EDIT_DISTANCE": ("BYTES -> INT64", "BYTES BYTES -> INT64"),
    "REGEXP_CONTAINS": ("BYTES BYTES -> BOOL",),
    "REGEXP_EXTRACT": ("BYTES BYTES -> BYTES",),
    "REGEXP_EXTRACT_ALL": ("BYTES BYTES -> ARRAY<BYTES>",),
    "REGEXP_REPLACE": ("BYTES BYTES BYTES -> BYTES",),
    "ARRAY_TO_STRING": ("ARRAY<BYTES> BYTES -> BYTES", "ARRAY<BYTES> BYTES BYTES -> BYTES"),
}

for _names, _signatures in _SIGNATURES.items():
    for _name in FUNCTIONS.keys() & _names.split():  # an unknown function is refused with its own message
        define(_name, *((signature, later(f"{_name} of BYTES")) for signature in _signatures))
