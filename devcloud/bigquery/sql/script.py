"""Splits a script into statements and parses each; refuses control flow by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql.dialect import GoogleSql
from devcloud.bigquery.sql.errors import syntax_error
from devcloud.bigquery.sql.known_args import check_tree
from devcloud.bigquery.sql.single_flight import SingleFlight
from devcloud.bigquery.sql.statement_kinds import refuse_unknown, refuse_unparsed

_DIALECT = GoogleSql()
_PARSING = SingleFlight()


@dataclass(frozen=True)
class Assertion:
    """ASSERT condition AS 'message'."""

    condition: exp.Expr
    message: str


@dataclass(frozen=True)
class Statement:
    """One statement: its text and its parsed form. Runs share it, so it is never changed."""

    text: str
    tree: exp.Expr | Assertion


def parse(sql: str) -> tuple[Statement, ...]:
    """The statements of a script; raises invalidQuery with BigQuery's words for a syntax error."""
    with _PARSING.of(sql):
        return _parse(sql)


@lru_cache(maxsize=1024)
def _parse(sql: str) -> tuple[Statement, ...]:
    try:
        tokens = _DIALECT.tokenize(sql)
    except TokenError as error:
        raise syntax_error(error) from error
    statements = tuple(_parse_one(sql, chunk) for chunk in _split(tokens))
    if not statements:
        raise invalid_query("Syntax error: Unexpected end of script")
    return statements


def _split(tokens: list[Token]) -> list[list[Token]]:
    chunks: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            chunks.append([])
        else:
            chunks[-1].append(token)
    return [chunk for chunk in chunks if chunk]


def _parse_one(sql: str, tokens: list[Token]) -> Statement:
    text = sql[tokens[0].start : tokens[-1].end + 1]
    words = _words(tokens)
    refuse_unknown(words)
    if words[0] == "ASSERT":
        return Statement(text, _assertion(sql, tokens))
    return Statement(text, _tree(sql, tokens))


def _words(tokens: list[Token]) -> list[str]:
    return [token.text.upper() for token in tokens]


def _tree(sql: str, tokens: list[Token]) -> exp.Expr:
    if [token.text.upper() for token in tokens] == ["BEGIN"]:
        return exp.Transaction()
    try:
        parsed = _DIALECT.parser().parse(tokens, sql)
    except ParseError as error:
        refuse_unparsed(_words(tokens))
        raise syntax_error(error) from error
    tree = parsed[0] if parsed else None
    if not isinstance(tree, _STATEMENTS):
        refuse_unparsed(_words(tokens))
        raise invalid_query(f'Syntax error: Unexpected "{tokens[0].text}" at [{tokens[0].line}:1]')
    if isinstance(tree, _CHECKED):
        check_tree(tree)
    elif isinstance(tree, exp.Create) and tree.expression is not None:
        check_tree(tree.expression)
    return tree


_CHECKED = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Set)
_STATEMENTS = (
    exp.Query,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.TruncateTable,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.Declare,
    exp.Set,
)


def _assertion(sql: str, tokens: list[Token]) -> Assertion:
    message = ""
    body = tokens[1:]
    if len(body) > 2 and body[-1].token_type == TokenType.STRING and body[-2].text.upper() == "AS":
        message, body = body[-1].text, body[:-2]
    select = Token(TokenType.SELECT, "SELECT", line=tokens[0].line, start=tokens[0].start, end=tokens[0].end)
    tree = _tree(sql, [select, *body])
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.args.get("from_"):
        raise invalid_query("Syntax error: Expected a condition after ASSERT")
    return Assertion(tree.expressions[0], message)


def body_after_as(text: str) -> str:
    """The text after the first AS outside parentheses: a view's query as it was written."""
    depth = 0
    for token in _DIALECT.tokenize(text):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.ALIAS:
            return text[token.end + 1 :].strip()
    raise invalid_query("Syntax error: Expected keyword AS")
