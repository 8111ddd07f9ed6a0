"""sqlglot's BigQuery dialect, changed so that calls keep the function's name, which the registries interpret.

Otherwise sqlglot would turn several functions into the same node, and the original name would be lost.
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot.dialects.bigquery import BigQuery
from sqlglot.dialects.dialect import DialectType
from sqlglot.parsers.bigquery import BigQueryParser
from sqlglot.tokenizer_core import Token

from devcloud.bigquery.sql.literal_text import read_tokens

_KEPT_PARSERS = ("CAST", "SAFE_CAST", "EXTRACT", "ARRAY")


class GoogleSqlParser(BigQueryParser):
    """Parses calls as Anonymous(name, arguments), except calls with a special syntax."""

    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {name: BigQueryParser.FUNCTION_PARSERS[name] for name in _KEPT_PARSERS}


class GoogleSql(BigQuery):
    """The dialect to parse with."""

    Parser = GoogleSqlParser
    SUPPORTS_USER_DEFINED_TYPES = True  # so that an unknown type keeps its name for the error message

    def tokenize(self, sql: str, dialect: DialectType = None) -> list[Token]:
        """The tokens, with literals read by GoogleSQL's rules."""
        return read_tokens(sql, super().tokenize(sql, dialect), frozenset(GoogleSqlParser.TYPE_TOKENS))
