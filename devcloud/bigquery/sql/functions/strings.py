"""Functions of STRING and BYTES."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, function
from devcloud.bigquery.sql.casts import cast
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.sql.registry import call, define, later
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, are_quoted, require
from devcloud.bigquery.types import BOOL, BYTES, STRING, array_of

define("UPPER", ("STRING -> STRING", "bq_upper({0})"))
define("LOWER", ("STRING -> STRING", "lower({0})"))
define(
    "LENGTH CHAR_LENGTH CHARACTER_LENGTH",
    ("STRING -> INT64", "length({0})"),
    ("BYTES -> INT64", "octet_length({0})"),
)
define("BYTE_LENGTH OCTET_LENGTH", ("STRING -> INT64", "strlen({0})"), ("BYTES -> INT64", "octet_length({0})"))
define(
    "CONCAT",
    ("STRING STRING* -> STRING", lambda given: f"({' || '.join(item.sql for item in given)})"),
    ("BYTES BYTES* -> BYTES", lambda given: f"({' || '.join(item.sql for item in given)})"),
    ("STRING -> STRING", "{0}"),
    ("BYTES -> BYTES", "{0}"),
)
define("TRIM", ("STRING -> STRING", "bq_trim({0})"), ("STRING STRING -> STRING", "trim({0}, {1})"))
define("LTRIM", ("STRING -> STRING", "bq_ltrim({0})"), ("STRING STRING -> STRING", "ltrim({0}, {1})"))
define("RTRIM", ("STRING -> STRING", "bq_rtrim({0})"), ("STRING STRING -> STRING", "rtrim({0}, {1})"))
define("REPLACE", ("STRING STRING STRING -> STRING", "bq_replace({0}, {1}, {2})"))
define(
    "SUBSTR SUBSTRING",
    ("STRING INT64 -> STRING", "bq_substr({0}, {1})"),
    ("STRING INT64 INT64 -> STRING", lambda given: _substr(*given)),
)
define("STARTS_WITH", ("STRING STRING -> BOOL", "starts_with({0}, {1})"))
define("ENDS_WITH", ("STRING STRING -> BOOL", "ends_with({0}, {1})"))
define("STRPOS", ("STRING STRING -> INT64", "instr({0}, {1})"))
define("INSTR", ("STRING STRING -> INT64", "instr({0}, {1})"))
define("INSTR", ("STRING STRING INT64 -> INT64", later("INSTR from a position")))
define("INSTR", ("STRING STRING INT64 INT64 -> INT64", later("INSTR of an occurrence")))
define("REVERSE", ("STRING -> STRING", "bq_reverse({0})"))
define("REPEAT", ("STRING INT64 -> STRING", "bq_repeat({0}, {1})"))
define(
    "LPAD",
    ("STRING INT64 -> STRING", "bq_lpad({0}, {1}, ' ')"),
    ("STRING INT64 STRING -> STRING", "bq_lpad({0}, {1}, {2})"),
)
define(
    "RPAD",
    ("STRING INT64 -> STRING", "bq_rpad({0}, {1}, ' ')"),
    ("STRING INT64 STRING -> STRING", "bq_rpad({0}, {1}, {2})"),
)
define("LEFT", ("STRING INT64 -> STRING", "bq_left({0}, {1})"))
define("RIGHT", ("STRING INT64 -> STRING", "bq_right({0}, {1})"))
define(
    "SPLIT",
    ("STRING -> ARRAY<STRING>", "bq_split({0}, ',')"),
    ("STRING STRING -> ARRAY<STRING>", "bq_split({0}, {1})"),
)
define("ASCII", ("STRING -> INT64", "CAST(ascii({0}) AS BIGINT)"))
define("UNICODE", ("STRING -> INT64", "CAST(unicode({0}) AS BIGINT)"))
define("CHR", ("INT64 -> STRING", "chr(CAST({0} AS INTEGER))"))
define(
    "TO_CODE_POINTS",
    ("STRING -> ARRAY<INT64>", "bq_code_points({0})"),
    ("BYTES -> ARRAY<INT64>", "bq_byte_values({0})"),
)
define("CODE_POINTS_TO_STRING", ("ARRAY<INT64> -> STRING", "bq_from_code_points({0})"))
define("CODE_POINTS_TO_BYTES", ("ARRAY<INT64> -> BYTES", "bq_from_byte_values({0})"))
define("TO_HEX", ("BYTES -> STRING", "lower(hex({0}))"))
define("FROM_HEX", ("STRING -> BYTES", "bq_from_hex({0})"))
define("TO_BASE64", ("BYTES -> STRING", "to_base64({0})"))
define("FROM_BASE64", ("STRING -> BYTES", "from_base64({0})"))
define("MD5", ("STRING -> BYTES", "from_hex(md5({0}))"), ("BYTES -> BYTES", "from_hex(md5({0}))"))
define("SHA1", ("STRING -> BYTES", "from_hex(sha1({0}))"), ("BYTES -> BYTES", "from_hex(sha1({0}))"))
define("SHA256", ("STRING -> BYTES", "from_hex(sha256({0}))"), ("BYTES -> BYTES", "from_hex(sha256({0}))"))
define("INITCAP", ("STRING -> STRING", "bq_initcap({0})"))
define("TRANSLATE", ("STRING STRING STRING -> STRING", "bq_translate({0}, {1}, {2})"))
define("SAFE_CONVERT_BYTES_TO_STRING", ("BYTES -> STRING", "bq_safe_text({0})"))
define("EDIT_DISTANCE", ("STRING STRING -> INT64", "CAST(levenshtein({0}, {1}) AS BIGINT)"))


@function("CONCAT")
def bind_concat(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """CONCAT of bytes, or of text and values that can be cast to text."""
    given = [binder.expr(argument, scope) for argument in node.expressions]
    texts = [item if item.null or item.type in (STRING, BYTES) else cast(item, STRING) for item in given]
    return replace(call("CONCAT", texts), is_quoted=are_quoted(texts))


_NAMED_GROUP_FREE = re.compile(r"(?<!\\)\((?!\?)")


def _substr(text: Typed, start: Typed, length: Typed) -> str:
    if start.value and start.value > 0 and length.value is not None and 0 <= length.value < 2**31:
        return f"substring({text.sql}, {start.sql}, {length.sql})"
    return f"bq_substr_length({text.sql}, {start.sql}, {length.sql})"


def _pattern(binder: Binder, node: exp.Expr, scope: Scope, name: str) -> tuple[Typed, int | None]:
    """The pattern and the number of its groups; None when it is not constant."""
    pattern = require(binder.expr(node, scope), STRING, f"{name} pattern")
    if not isinstance(pattern.value, str):
        return pattern, None
    groups = len(_NAMED_GROUP_FREE.findall(re.sub(r"\[[^\]]*\]", "", pattern.value)))
    return pattern, groups


@function("REGEXP_CONTAINS")
def bind_contains(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """REGEXP_CONTAINS(value, pattern)."""
    value, pattern = (_text(binder, argument, scope, "REGEXP_CONTAINS") for argument in _take(node, 2))
    return Typed(f"regexp_matches({value.sql}, {pattern.sql})", BOOL)


def _take(node: exp.Anonymous, *counts: int) -> list[exp.Expr]:
    if len(node.expressions) not in counts:
        raise invalid_query(f"No matching signature for function {node.this}: {len(node.expressions)} arguments")
    return list(node.expressions)


def _text(binder: Binder, node: exp.Expr, scope: Scope, name: str) -> Typed:
    value = binder.expr(node, scope)
    if value.type.kind == "BYTES":
        raise not_implemented(f"{name} over BYTES")
    return require(value, STRING, f"{name} argument")


@function("REGEXP_EXTRACT", "REGEXP_SUBSTR")
def bind_extract(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """REGEXP_EXTRACT(value, pattern, position, occurrence): the match, or its group if there is one; else NULL."""
    arguments = _take(node, 2, 3, 4)
    value = _text(binder, arguments[0], scope, str(node.this))
    pattern, groups = _pattern(binder, arguments[1], scope, str(node.this))
    if groups is None:
        raise not_implemented("REGEXP_EXTRACT with a pattern that is not constant")
    if groups > 1:
        raise invalid_query("Regular expression has more than one capturing group")
    subject, occurrence = value.sql, "1"
    if len(arguments) > 2:
        subject = f"substr({value.sql}, {binder.integer(arguments[2], scope, 'position')})"
    if len(arguments) > 3:
        occurrence = binder.integer(arguments[3], scope, "occurrence")
    return Typed(f"(regexp_extract_all({subject}, {pattern.sql}, {groups}))[{occurrence}]", STRING)


@function("REGEXP_EXTRACT_ALL")
def bind_extract_all(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """REGEXP_EXTRACT_ALL(value, pattern)."""
    value_node, pattern_node = _take(node, 2)
    value = _text(binder, value_node, scope, "REGEXP_EXTRACT_ALL")
    pattern, groups = _pattern(binder, pattern_node, scope, "REGEXP_EXTRACT_ALL")
    if groups is None or groups > 1:
        raise not_implemented("REGEXP_EXTRACT_ALL with this pattern")
    return Typed(f"regexp_extract_all({value.sql}, {pattern.sql}, {groups})", array_of(STRING))


@function("REGEXP_REPLACE")
def bind_regexp_replace(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """REGEXP_REPLACE(value, pattern, replacement): all matches."""
    given = [_text(binder, argument, scope, "REGEXP_REPLACE") for argument in _take(node, 3)]
    return Typed(f"regexp_replace({', '.join(item.sql for item in given)}, 'g')", STRING)


@function("FORMAT")
def bind_format(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """FORMAT with a constant format of %s, %d, %i, %t and %f elements."""
    template = binder.expr(node.expressions[0], scope)
    if not isinstance(template.value, str):
        raise not_implemented("FORMAT with a format that is not constant")
    values = iter([binder.expr(argument, scope) for argument in node.expressions[1:]])
    parts = []
    for literal, spec in re.findall(r"([^%]+)|(%[^a-zA-Z%]*[a-zA-Z%])", template.value):
        if literal:
            parts.append(quote_text(literal))
        elif spec == "%%":
            parts.append("'%'")
        else:
            value = next(values, None)
            if value is None:
                raise invalid_query("Too few arguments to FORMAT for pattern")
            parts.append(_formatted(spec, value))
    if next(values, None) is not None:
        raise invalid_query("Too many arguments to FORMAT for pattern")
    return Typed(f"({' || '.join(parts) or quote_text('')})", STRING)


def _formatted(spec: str, value: Typed) -> str:
    from devcloud.bigquery.sql.casts import cast

    kind = value.type.kind
    if spec == "%s" and kind != "STRING":
        raise invalid_query(f"Invalid type for argument to FORMAT; Expected STRING; Got {kind}")
    if spec in ("%s", "%t") and kind in ("STRING", "INT64", "BOOL", "DATE"):
        return cast(value, STRING).sql
    if re.fullmatch(r"%0?\d*[di]", spec) and kind == "INT64":
        return f"printf({quote_text(spec.replace('i', 'd'))}, {value.sql})"
    if re.fullmatch(r"%(\.\d+)?f", spec) and kind == "FLOAT64":
        return f"printf({quote_text(spec)}, {value.sql})"
    raise not_implemented(f"FORMAT {spec} of {value.type}")


@function("NORMALIZE")
def bind_normalize(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """NORMALIZE(text) to NFC."""
    if len(node.expressions) > 1 and node.expressions[1].name.upper() != "NFC":
        raise not_implemented(f"NORMALIZE to {node.expressions[1].name}")
    value = _text(binder, node.expressions[0], scope, "NORMALIZE")
    return Typed(f"nfc_normalize({value.sql})", STRING)
