"""The function families and the rules of expressions; importing them fills the registries."""

from devcloud.bigquery.sql import casts, expressions, operators, queries
from devcloud.bigquery.sql.functions import aggregates, dates, formats, general, json, math, strings, windows

__all__ = [
    "aggregates",
    "casts",
    "dates",
    "expressions",
    "formats",
    "general",
    "json",
    "math",
    "operators",
    "queries",
    "strings",
    "windows",
]
