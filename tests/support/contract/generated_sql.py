"""Generates valid and invalid statements from a seed, with expressions of every kind in every place."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

LEAVES = (
    *("1", "-1", "0", "2.5", "NULL", "TRUE", "'a'", "''", "'2025-01-02'", "b'a'", r"b'\xff'", r"'\n'", "NUMERIC '1.5'"),
    *("DATE '2025-01-02'", "TIMESTAMP '2025-01-02 03:04:05 Europe/Berlin'", "DATETIME '2025-01-02 03:04:05'"),
    *("TIME '03:04:05'", "JSON '{\"a\":1}'", "[1, 2]", "['a']", "[]", "(1, 'a')", "STRUCT(1 AS a)", "[STRUCT(1 AS a)]"),
    *("i", "f", "s", "n", "t.i", "xs", "r", "r.a", "r.nope", "nope", "day", "ts", "u.i"),
    *(r"'\q'", "0x1F", "CAST(NULL AS FLOAT64)", "CAST('nan' AS FLOAT64)", "CURRENT_DATE()"),
)
OPERATORS = ("+", "-", "*", "/", "=", "!=", "<>", "<", ">=", "||", "AND", "OR", "LIKE", "NOT LIKE", "IN", "&", "|")
FORMS = (
    *("({x})", "-{x}", "NOT {x}", "{x} IS NULL", "{x} IS NOT NULL", "{x} IS TRUE", "{x} {o} {y}", "{x} {o} {y}"),
    *("{x} BETWEEN {y} AND {z}", "{x} IN ({y}, {z})", "{x} IN UNNEST({y})", "{x} IN (SELECT {y})"),
    *("IF({x}, {y}, {z})", "CASE WHEN {x} THEN {y} ELSE {z} END", "CASE {x} WHEN {y} THEN {z} END"),
    *("{x}[OFFSET(0)]", "{x}[SAFE_ORDINAL({y})]", "{x}.a", "[{x}, {y}]", "STRUCT({x} AS a, {y})", "({x}, {y})"),
    *("CAST({x} AS {t})", "SAFE_CAST({x} AS {t})", "ARRAY(SELECT {x})", "(SELECT {x})", "EXISTS(SELECT {x})"),
    *("{u}({x})", "{u}({x})", "{u}({x})", "{b}({x}, {y})", "{b}({x}, {y})", "{c}({x}, {y}, {z})", "SAFE.{u}({x})"),
    *(
        "{a}({x})",
        "{a}({x})",
        "{a}(DISTINCT {x})",
        "{a}({x}) OVER (PARTITION BY {y})",
        "COUNT(*)",
        "{w}() OVER (ORDER BY {x})",
    ),
    *("EXTRACT({p} FROM {x})", "DATE_TRUNC({x}, {p})", "DATE_ADD({x}, INTERVAL {y} {p})", "DATE_DIFF({x}, {y}, {p})"),
    *("TIMESTAMP_TRUNC({x}, {p})", "TIMESTAMP_DIFF({x}, {y}, {p})", "TIMESTAMP_SUB({x}, INTERVAL {y} {p})"),
    *("ARRAY_AGG({x} ORDER BY {y} LIMIT 1)", "STRING_AGG({x}, {y})", "({x} IS DISTINCT FROM {y})"),
)
UNARY = (
    *(
        "ABS",
        "LENGTH",
        "UPPER",
        "TRIM",
        "REVERSE",
        "ARRAY_LENGTH",
        "TO_JSON_STRING",
        "TO_HEX",
        "FROM_HEX",
        "DATE",
        "SIGN",
    ),
    *("TIMESTAMP", "DATETIME", "ROUND", "CEIL", "SQRT", "STRING", "PARSE_JSON", "JSON_TYPE", "SHA256", "UNIX_SECONDS"),
    *("COALESCE", "ARRAY_REVERSE", "SAFE_NEGATE", "SIGN", "SAFE_CONVERT_BYTES_TO_STRING", "TO_JSON", "INT64"),
)
BINARY = (
    *("CONCAT", "STARTS_WITH", "SPLIT", "STRPOS", "MOD", "DIV", "POW", "SAFE_DIVIDE", "IFNULL", "NULLIF", "GREATEST"),
    *("LEAST", "ARRAY_CONCAT", "ARRAY_TO_STRING", "GENERATE_ARRAY", "FORMAT", "REGEXP_CONTAINS", "JSON_VALUE", "DATE"),
    *("SUBSTR", "REPEAT", "LEFT", "ROUND", "TIMESTAMP", "PARSE_DATE", "FORMAT_DATE", "JSON_QUERY", "STRING"),
)
TERNARY = ("REPLACE", "SUBSTR", "REGEXP_REPLACE", "LPAD", "COALESCE", "DATE", "CONCAT", "GREATEST", "IF", "TIME")
AGGREGATES = (
    "SUM",
    "AVG",
    "MIN",
    "MAX",
    "COUNT",
    "COUNTIF",
    "LOGICAL_AND",
    "ARRAY_AGG",
    "ANY_VALUE",
    "STRING_AGG",
    "STDDEV",
)
WINDOWS = ("ROW_NUMBER", "RANK", "DENSE_RANK", "LAG", "NTILE", "FIRST_VALUE")
TYPES = (
    *("INT64", "FLOAT64", "NUMERIC", "STRING", "BYTES", "BOOL", "DATE", "TIMESTAMP", "DATETIME", "TIME", "JSON"),
    *("ARRAY<INT64>", "STRUCT<a INT64>", "VARCHAR", "FLOAT", "TEXT"),
)
PARTS = ("DAY", "HOUR", "WEEK", "MONTH", "YEAR", "SECOND", "ISOWEEK", "WEEK(MONDAY)", "DAYOFWEEK", "QUARTER", "NOPE")
STATEMENTS = (
    *(
        "SELECT {x} FROM d.t AS t",
        "SELECT {x} FROM d.t AS t",
        "SELECT {x}",
        "SELECT {x} AS a, {y} FROM d.t AS t WHERE {z}",
    ),
    *("SELECT i, {x} AS a FROM d.t AS t GROUP BY i", "SELECT i AS k, {x} AS a FROM d.t AS t GROUP BY k HAVING {y}"),
    *(
        "SELECT {x} AS a FROM d.t AS t HAVING a > 1",
        "SELECT {x} AS a FROM d.t AS t QUALIFY {y}",
        "SELECT DISTINCT {x} AS a FROM d.t AS t ORDER BY {y}",
    ),
    *(
        "SELECT {x} AS a FROM d.t AS t ORDER BY a, {y}",
        "SELECT {x} FROM d.t AS t LIMIT {y}",
        "SELECT {x} FROM d.t AS t, UNNEST({y}) AS e",
    ),
    *(
        "SELECT {x} FROM d.t AS t JOIN d.u AS u ON {y}",
        "SELECT {x} FROM d.t AS t JOIN d.u AS u USING (i)",
        "SELECT {x} FROM d.t AS t LEFT JOIN d.t AS u ON {y}",
    ),
    *(
        "SELECT {x} FROM d.t AS t, d.t AS t",
        "SELECT {x} UNION ALL SELECT {y}",
        "SELECT {x}, 1 UNION DISTINCT SELECT {y}",
    ),
    *(
        "SELECT * EXCEPT (i) FROM d.t AS t WHERE {x}",
        "SELECT t.*, {x} FROM d.t AS t",
        "SELECT AS STRUCT {x}",
        "SELECT AS VALUE {x} FROM d.t AS t",
    ),
    *(
        "WITH c AS (SELECT {x} AS a FROM d.t AS t) SELECT a, {y} FROM c",
        "WITH c AS (SELECT {x} AS i) SELECT {y} FROM c",
    ),
    *("SELECT e FROM UNNEST({x}) AS e WITH OFFSET AS o WHERE {y}", "SELECT {x} FROM d.t AS t GROUP BY ALL"),
    *(
        "UPDATE d.t AS t SET s = {x} WHERE {y}",
        "DELETE FROM d.t AS t WHERE {x}",
        "INSERT INTO d.u (i, s) VALUES ({x}, {y})",
    ),
    *(
        "INSERT INTO d.u (i) SELECT {x} FROM d.t AS t",
        "UPDATE d.t AS t SET i = {x} FROM d.u AS u WHERE t.i = u.i AND {y}",
    ),
    "MERGE d.t USING d.u ON {x} WHEN MATCHED THEN UPDATE SET s = {y} WHEN NOT MATCHED THEN INSERT (i) VALUES ({z})",
)


def statements(seed: int, count: int) -> Iterator[str]:
    """This number of statements, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - nothing is secret here
    for _ in range(count):
        yield _filled(random, random.choice(STATEMENTS), depth=random.choice((0, 0, 1, 1, 2)))


def _expression(random: Random, depth: int) -> str:
    if depth < 0 or random.random() < 0.2:
        return random.choice(LEAVES)
    return _filled(random, random.choice(FORMS), depth=depth)


def _filled(random: Random, form: str, *, depth: int) -> str:
    return form.format(
        **{name: _expression(random, depth - 1) for name in "xyz"},
        o=random.choice(OPERATORS),
        u=random.choice(UNARY),
        b=random.choice(BINARY),
        c=random.choice(TERNARY),
        a=random.choice(AGGREGATES),
        w=random.choice(WINDOWS),
        t=random.choice(TYPES),
        p=random.choice(PARTS),
    )
