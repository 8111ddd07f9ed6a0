"""Reads quoted literals from the statement's text by GoogleSQL's rules, because sqlglot reads escapes differently.

https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#literals
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from sqlglot.tokenizer_core import Token, TokenType

from devcloud.bigquery.model import BigQueryError, invalid_query

_QUOTE_SIGNS = "'\""
_QUOTES = ("'''", '"""', "'", '"')
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {c: c for c in "\\?\"'`"}
_ESCAPE = re.compile(r"\\(?:([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.)|$)", re.DOTALL)
_LITERALS = (TokenType.STRING, TokenType.BYTE_STRING, TokenType.RAW_STRING)
_UNICODE_LIMIT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
# The words that are types in sqlglot and in BigQuery. sqlglot's other type names are plain names in BigQuery. The last
# line has keywords that are not types.
_WORDS = {
    *("INT64", "INT", "SMALLINT", "INTEGER", "BIGINT", "TINYINT", "BYTEINT", "FLOAT64", "BOOL", "BOOLEAN"),
    *("NUMERIC", "DECIMAL", "BIGNUMERIC", "BIGDECIMAL", "STRING", "BYTES", "JSON", "GEOGRAPHY"),
    *("DATE", "TIME", "DATETIME", "TIMESTAMP", "INTERVAL", "RANGE", "ARRAY", "STRUCT"),
    *("NULL", "UNION", "ANY TYPE", "TABLE"),
}


def read_tokens(sql: str, tokens: list[Token], type_tokens: frozenset[TokenType]) -> list[Token]:
    """The tokens, with each literal's value as its text; a byte becomes the character with its number."""
    found: list[Token] = []
    joined = _raw_bytes(tokens)
    for at, token in enumerate(tokens):
        if at in joined:
            continue
        if token.token_type == TokenType.DCOLON:
            raise invalid_query(f'Syntax error: Unexpected ":" at [{token.line}:{token.col - 1}]')
        if at - 1 in joined:
            text = _bytes(_body(sql[token.start : token.end + 1]), _raw)
            found.append(_changed(token, TokenType.BYTE_STRING, text))
        elif token.token_type in _LITERALS and sql[token.end] in _QUOTE_SIGNS:  # else: the rest of a command
            found.append(_read(sql, token))
        elif token.token_type in type_tokens and token.text.upper() not in _WORDS:
            found.append(_changed(token, TokenType.VAR, token.text))
        else:
            found.append(token)
    return found


def _raw_bytes(tokens: list[Token]) -> frozenset[int]:
    """Finds rb or br right before a string; sqlglot knows only the single prefixes."""
    return frozenset(
        at
        for at, (prefix, literal) in enumerate(pairwise(tokens))
        if prefix.token_type == TokenType.VAR
        and prefix.text.lower() in ("rb", "br")
        and literal.token_type == TokenType.STRING
        and prefix.end + 1 == literal.start
    )


def _changed(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end, token.comments)


def _read(sql: str, token: Token) -> Token:
    body = _body(sql[token.start : token.end + 1].lstrip("bBrR"))
    try:
        if token.token_type == TokenType.RAW_STRING:
            text = _raw(body)
        elif token.token_type == TokenType.BYTE_STRING:
            text = _bytes(body, lambda part: _ESCAPE.sub(_byte, part))
        else:
            text = _ESCAPE.sub(_character, body)
    except BigQueryError as error:
        raise invalid_query(f"{error.message} at [{token.line}:{max(1, token.col - len(body))}]") from error
    return _changed(token, token.token_type, text)


def _body(quoted: str) -> str:
    """The text between the quotes. A line break in triple quotes becomes a line feed."""
    quote = next(each for each in _QUOTES if quoted.startswith(each))
    if len(quote) == 1 and ("\n" in quoted or "\r" in quoted):
        raise invalid_query("Syntax error: Unclosed string literal")
    return quoted[len(quote) : -len(quote)].replace("\r\n", "\n").replace("\r", "\n")


def _raw(body: str) -> str:
    return body


def _bytes(body: str, read: Callable[[str], str]) -> str:
    """The bytes, each as the character with its number; a character of the text gives its UTF-8 bytes."""
    return read(body.encode().decode("latin-1"))


def _illegal(what: str) -> BigQueryError:
    return invalid_query(f"Syntax error: Illegal escape sequence: {what}")


def _character(escape: re.Match[str]) -> str:
    octal, hexadecimal, short, long, single = escape.groups()
    if octal or hexadecimal:
        return chr(int(octal, 8) if octal else int(hexadecimal, 16))
    if short or long:
        number = int(short or long, 16)
        if number > _UNICODE_LIMIT or number in _SURROGATES:
            raise _illegal(f"Unicode value {escape[0]} is invalid")
        return chr(number)
    return _single(single)


def _byte(escape: re.Match[str]) -> str:
    if escape[3] or escape[4] or escape[5] in ("u", "U"):
        raise _illegal(f"Unicode escape sequence {escape[0][:2]} cannot be used in bytes literals")
    return _character(escape)


def _single(letter: str | None) -> str:
    if letter not in _SIMPLE:
        raise _illegal(f"\\{letter or ''}")
    return _SIMPLE[letter]
