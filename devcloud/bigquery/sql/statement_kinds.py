"""Recognises statements that are not implemented by their first words, and refuses them by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devcloud.bigquery.model import not_implemented

_CONTROL_FLOW = (
    *("IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE", "CALL", "RETURN", "BREAK", "LEAVE", "CONTINUE", "ITERATE"),
    *("RAISE", "EXECUTE", "END"),
)
_OTHERS = ("GRANT", "REVOKE", "EXPORT", "LOAD", "UNDROP", "EXPLAIN", "DESCRIBE", "DESC", "SHOW", "GRAPH")
_PIPES = ("FROM",)
_OBJECTS = (
    *("AGGREGATE FUNCTION", "TABLE FUNCTION", "FUNCTION", "PROCEDURE", "MODEL", "SNAPSHOT TABLE", "EXTERNAL TABLE"),
    *("EXTERNAL SCHEMA", "MATERIALIZED VIEW", "ROW ACCESS POLICY", "ALL ROW ACCESS POLICIES", "SEARCH INDEX"),
    *("VECTOR INDEX", "CAPACITY", "RESERVATION", "ASSIGNMENT", "ORGANIZATION", "PROJECT", "BI_CAPACITY", "CONNECTION"),
    *("PROPERTY GRAPH", "DATA_POLICY", "CONSTANT"),
)
_DEFINITION = re.compile(
    r"(?P<verb>CREATE|ALTER|DROP) (?:OR REPLACE )?(?:TEMP |TEMPORARY |PUBLIC |PRIVATE )?"
    rf"(?P<what>{'|'.join(re.escape(name) for name in _OBJECTS)})\b"
)
# Kinds with some implemented forms. A form that the parser does not know is not implemented.
_PARTLY = re.compile(r"(?P<verb>ALTER) (?P<what>TABLE|VIEW|SCHEMA)\b")
_BLOCK = re.compile(r"\w+ : (BEGIN|LOOP|WHILE|REPEAT|FOR)\b")
# Clauses that the parser does not know, in statements that it otherwise knows.
_WITHIN = re.compile(
    r"\b(?:ML|AI|VECTOR_SEARCH|DIFFERENTIAL_PRIVACY|AGGREGATION_THRESHOLD|MATCH_RECOGNIZE|GRAPH_TABLE|SEARCH)\b"
)
_LONGEST = 8


def refuse_unknown(words: Sequence[str]) -> None:
    """Raises notImplemented for a statement with these first words when no form of it is implemented."""
    first, head = words[0], " ".join(words[:_LONGEST])
    if first in _CONTROL_FLOW or first in _OTHERS:
        raise not_implemented(f"the statement {first}")
    if first in _PIPES:
        raise not_implemented("queries in pipe syntax")
    if first == "BEGIN" and list(words[1:2]) not in ([], ["TRANSACTION"]):
        raise not_implemented("BEGIN ... END blocks")
    if head.startswith("SET @"):
        raise not_implemented(f"the statement SET {''.join(words[1:4])}")
    if _BLOCK.match(head):
        raise not_implemented("blocks and loops with a label")
    if found := _DEFINITION.match(head):
        raise not_implemented(f"{found['verb']} {found['what']}")


def refuse_unparsed(words: Sequence[str]) -> None:
    """Raises notImplemented if a statement that the parser refuses may be valid in a form that the parser lacks."""
    head = " ".join(words[:_LONGEST])
    if found := _PARTLY.match(head):
        raise not_implemented(f"{found['verb']} {found['what']} as in {head}")
    if word := _WITHIN.search(" ".join(words)):
        raise not_implemented(f"{word[0]} in queries")
    if "| >" in " ".join(words):
        raise not_implemented("queries in pipe syntax")
