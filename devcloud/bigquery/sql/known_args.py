"""Lists the arguments of each parsed node that the rules read. Any other argument that is set is refused.

sqlglot keeps modifiers as arguments of nodes, for example `negate` of LIKE. If a rule ignored one, the translated
statement would have another meaning.
"""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented

_ALWAYS = frozenset({"this", "expression", "expressions"})
_CLAUSES = "with_ kind distinct from_ joins where group having qualify windows order limit offset"
_READ: dict[type[exp.Expr], str] = {
    exp.Literal: "is_string",
    exp.HexString: "is_integer",
    exp.ByteString: "is_bytes",
    exp.RawString: "is_string",
    exp.ParseJSON: "is_literal",
    exp.Column: "table db catalog",
    exp.Alias: "alias",
    exp.Bracket: "offset safe",
    exp.Array: "struct_name_inheritance",
    exp.If: "true false",
    exp.Case: "ifs default",
    exp.DPipe: "safe",
    exp.Like: "negate",
    exp.Between: "low high",
    exp.In: "query unnest",
    exp.Cast: "to format",
    exp.TryCast: "to format safe",
    exp.Window: "partition_by order spec alias over",
    exp.Interval: "unit",
    exp.Select: _CLAUSES,
    exp.Subquery: "alias with_ order limit offset joins",
    exp.Union: "distinct order limit offset with_",
    exp.Intersect: "distinct order limit offset with_",
    exp.Except: "distinct order limit offset with_",
    exp.Table: "db catalog alias joins",
    exp.Unnest: "alias offset",
    exp.Join: "side kind on using",
    exp.With: "recursive",
    exp.CTE: "alias",
    exp.Ordered: "desc nulls_first",
    exp.Group: "rollup cube grouping_sets all",
    exp.Star: "except_ replace",
    exp.WindowSpec: "kind start start_side end end_side",
    exp.HavingMax: "max",
    exp.Distinct: "",
    exp.Insert: "",
    exp.Update: "from_ where joins",
    exp.Delete: "tables where",
    exp.Merge: "using on whens",
    exp.When: "matched source condition then",
    exp.AtTimeZone: "zone",
    exp.TableAlias: "columns",
    exp.Identifier: "quoted",
}
_KNOWN = {node: _ALWAYS | frozenset(names.split()) for node, names in _READ.items()}


_COMPARISONS = (
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.In, exp.Between, exp.Is),
    *(exp.NullSafeEQ, exp.NullSafeNEQ),
)


def check_tree(root: exp.Expr) -> None:
    """Raise notImplemented for the first argument of a query or DML statement that no rule reads.

    Also raise a syntax error for a comparison of a comparison, which sqlglot accepts.
    """
    for node in root.walk():
        if isinstance(node, _COMPARISONS) and _compares_a_comparison(node):
            raise invalid_query(f"Syntax error: a comparison within {node.sql('bigquery')[:60]} must be parenthesized")
        known = _KNOWN.get(type(node), _ALWAYS) if isinstance(node, _CHECKED) else None
        if known is None:
            continue
        for name, value in node.args.items():
            if value and name not in known:
                raise not_implemented(
                    f"{name.strip('_').upper()} of {type(node).__name__}: {node.sql('bigquery')[:80]}"
                )


def _compares_a_comparison(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.Update) and node.arg_key == "expressions":
        return False  # the assignment in SET column = value is not a comparison
    sides = (node.args.get(side) for side in ("this", "expression"))
    return any(isinstance(side, (*_COMPARISONS, exp.Not)) for side in sides)


# The rules for types and DDL properties check every member themselves.
_CHECKED = (*_READ, exp.Binary, exp.Unary, exp.Anonymous, exp.Predicate, exp.Extract)
