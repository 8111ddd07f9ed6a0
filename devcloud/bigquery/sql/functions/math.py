"""Mathematical functions: exact for INT64 and NUMERIC, IEEE for FLOAT64."""

from __future__ import annotations

from devcloud.bigquery.sql.registry import define, later

_INT, _NUM, _FLOAT = "INT64 -> INT64", "NUMERIC -> NUMERIC", "FLOAT64 -> FLOAT64"

_WIDENED = ("INT64 -> FLOAT64", "CAST({0} AS DOUBLE)")

define("ABS", (_INT, "abs({0})"), (_NUM, "abs({0})"), (_FLOAT, "abs({0})"))
define("SIGN", (_INT, "CAST(sign({0}) AS BIGINT)"), (_NUM, "CAST(sign({0}) AS DECIMAL(38,9))"))
define("SIGN", (_FLOAT, "bq_float_sign({0})"))
define("ROUND", _WIDENED, (_NUM, "CAST(round({0}) AS DECIMAL(38,9))"), (_FLOAT, "round({0})"))
define("ROUND", ("NUMERIC INT64 -> NUMERIC", "bq_numeric_round({0}, {1})"))
define("ROUND", ("INT64 INT64 -> FLOAT64", "round(CAST({0} AS DOUBLE), CAST({1} AS INTEGER))"))
define("ROUND", ("FLOAT64 INT64 -> FLOAT64", "round({0}, CAST({1} AS INTEGER))"))
define("ROUND", ("NUMERIC INT64 STRING -> NUMERIC", later("ROUND with a rounding mode")))
define("TRUNC", _WIDENED, (_NUM, "CAST(trunc({0}) AS DECIMAL(38,9))"), (_FLOAT, "trunc({0})"))
define("TRUNC", ("NUMERIC INT64 -> NUMERIC", "bq_numeric_trunc({0}, {1})"))
define("TRUNC", ("FLOAT64 INT64 -> FLOAT64", "bq_float_trunc({0}, {1})"))
define("CEIL CEILING", _WIDENED, (_NUM, "CAST(ceil({0}) AS DECIMAL(38,9))"), (_FLOAT, "ceil({0})"))
define("FLOOR", _WIDENED, (_NUM, "CAST(floor({0}) AS DECIMAL(38,9))"), (_FLOAT, "floor({0})"))
define("MOD", ("INT64 INT64 -> INT64", "bq_mod({0}, {1})"), ("NUMERIC NUMERIC -> NUMERIC", "bq_mod({0}, {1})"))
define("DIV", ("INT64 INT64 -> INT64", "bq_div({0}, {1})"))
define("POW POWER", ("FLOAT64 FLOAT64 -> FLOAT64", "bq_pow({0}, {1})"))
define("SQRT", (_FLOAT, "bq_sqrt({0})"))
define("CBRT", (_FLOAT, "cbrt({0})"))
define("EXP", (_FLOAT, "bq_finite(exp({0}))"))
define("LN", (_FLOAT, "bq_ln({0})"))
define("LOG", (_FLOAT, "bq_ln({0})"), ("FLOAT64 FLOAT64 -> FLOAT64", "(bq_ln({0}) / bq_ln({1}))"))
define("LOG10", (_FLOAT, "bq_log10({0})"))
for _name in ("SIN", "COS", "TAN", "ASIN", "ACOS", "ATAN", "SINH", "COSH", "TANH", "ASINH", "ACOSH", "ATANH"):
    define(_name, (_FLOAT, f"bq_defined({_name.lower()}({{0}}), {{0}})"))
define("ATAN2", ("FLOAT64 FLOAT64 -> FLOAT64", "atan2({0}, {1})"))
define("COT", (_FLOAT, "(1 / tan({0}))"))
define("CSC", (_FLOAT, "(1 / sin({0}))"))
define("SEC", (_FLOAT, "(1 / cos({0}))"))
define("COTH", (_FLOAT, "(1 / tanh({0}))"))
define("CSCH", (_FLOAT, "(1 / sinh({0}))"))
define("SECH", (_FLOAT, "(1 / cosh({0}))"))
define("IS_NAN", ("FLOAT64 -> BOOL", "isnan({0})"))
define("IS_INF", ("FLOAT64 -> BOOL", "isinf({0})"))
define("IEEE_DIVIDE", ("FLOAT64 FLOAT64 -> FLOAT64", "bq_ieee_divide({0}, {1})"))
define("SAFE_DIVIDE", ("INT64 INT64 -> FLOAT64", "TRY(bq_float_divide(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE)))"))
define("SAFE_DIVIDE", ("FLOAT64 FLOAT64 -> FLOAT64", "TRY(bq_float_divide({0}, {1}))"))
define("SAFE_DIVIDE", ("NUMERIC NUMERIC -> NUMERIC", "TRY(bq_numeric_divide({0}, {1}))"))
for _name, _sign in (("SAFE_ADD", "+"), ("SAFE_SUBTRACT", "-")):
    for _kind in ("INT64", "NUMERIC", "FLOAT64"):
        define(_name, (f"{_kind} {_kind} -> {_kind}", f"TRY({{0}} {_sign} {{1}})"))
define("SAFE_MULTIPLY", ("INT64 INT64 -> INT64", "TRY({0} * {1})"))
define("SAFE_MULTIPLY", ("NUMERIC NUMERIC -> NUMERIC", "TRY(bq_numeric_multiply({0}, {1}))"))
define("SAFE_MULTIPLY", ("FLOAT64 FLOAT64 -> FLOAT64", "TRY({0} * {1})"))
define("SAFE_NEGATE", (_INT, "TRY(-({0}))"), (_NUM, "TRY(-({0}))"), (_FLOAT, "(-({0}))"))
define("BIT_COUNT", ("INT64 -> INT64", "CAST(bit_count({0}) AS BIGINT)"))
define("PARSE_NUMERIC", ("STRING -> NUMERIC", "bq_text_to_numeric({0})"))
