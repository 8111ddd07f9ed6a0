"""sqlglot's BigQuery dialect, which keeps every function as written, so that the registries interpret it.

Otherwise sqlglot would turn several functions into the same node, and the name that was written would be lost.
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
    """Parses calls as Anonymous(name, arguments), save those with a syntax of their own."""

    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {name: BigQueryParser.FUNCTION_PARSERS[name] for name in _KEPT_PARSERS}


class GoogleSql(BigQuery):
    """The dialect to parse with."""

    Parser = GoogleSqlParser
    SUPPORTS_USER_DEFINED_TYPES = True  # so that an unknown type keeps its name for the error message

    def tokenize(self, sql: str, dialect: DialectType = None) -> list[Token]:
        """The tokens with literals as GoogleSQL reads them."""
        return read_tokens(sql, super().tokenize(sql, dialect), frozenset(GoogleSqlParser.TYPE_TOKENS))
