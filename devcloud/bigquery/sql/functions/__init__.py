"""The function families and the rules of expressions; importing them fills the registries."""

from devcloud.bigquery.sql import casts, expressions, literal_rules, operators, queries, subqueries
from devcloud.bigquery.sql.functions import aggregates, dates, formats, general, json, math, of_bytes, strings, windows

__all__ = [
    "aggregates",
    "casts",
    "dates",
    "expressions",
    "formats",
    "general",
    "json",
    "literal_rules",
    "math",
    "of_bytes",
    "operators",
    "queries",
    "strings",
    "subqueries",
    "windows",
]
