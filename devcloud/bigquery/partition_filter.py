"""Refuses queries without a partition filter on tables that require one, as BigQuery does.

A condition counts if it names only partitioning columns, and stands alone or is joined to others by AND:
https://cloud.google.com/bigquery/docs/querying-partitioned-tables#better_performance_with_pseudo-columns
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from devcloud.bigquery.columns import PARTITION_TIME, is_ingestion_partitioned
from devcloud.bigquery.model import Json, invalid_query, not_implemented

_PSEUDO_COLUMNS = ("_PARTITION_LOAD_TIME", "_PARTITIONDATE", PARTITION_TIME)


@dataclass(frozen=True)
class PartitionFilter:
    """The filter that a table requires; `alias` is its name in the query, if it has one."""

    table: str
    columns: tuple[str, ...]
    alias: str = ""

    @staticmethod
    def demanded_by(resource: Json, *, alias: str = "") -> PartitionFilter | None:
        """The filter that a table requires, if any."""
        if not resource.get("requirePartitionFilter"):
            return None
        reference = resource["tableReference"]
        name = ".".join(reference[part] for part in ("projectId", "datasetId", "tableId"))
        if is_ingestion_partitioned(resource):
            return PartitionFilter(name, _PSEUDO_COLUMNS, alias)
        partitioning = resource.get("timePartitioning") or resource.get("rangePartitioning") or {}
        return PartitionFilter(name, (str(partitioning["field"]),), alias) if partitioning.get("field") else None

    def check(self, conditions: Iterable[exp.Expr], *, inside: exp.Expr | None = None) -> None:
        """Raises invalidQuery unless one of the conditions selects partitions.

        In BigQuery the conditions of an outer SELECT can also filter the partitions of a SELECT `inside` it. That is
        not implemented.
        """
        if not any(self._picks(condition) for condition in conditions):
            if inside is not None and _has_conditions_around(inside):
                raise not_implemented(f"a filter on the partitions of {self.table} outside of the SELECT that reads it")
            columns = ", ".join(f"'{column}'" for column in self.columns)
            raise invalid_query(
                f"Cannot query over table '{self.table}' without a filter over column(s) {columns} that can be used "
                "for partition elimination"
            )

    def _picks(self, part: exp.Expr) -> bool:
        if isinstance(part, exp.And):
            return any(self._picks(inner) for inner in part.flatten())
        if isinstance(part, exp.Paren):
            return self._picks(part.this)
        named = list(part.find_all(exp.Column))
        return bool(named) and all(self._is_ours(column) for column in named)

    def _is_ours(self, column: exp.Column) -> bool:
        wanted = {name.lower() for name in self.columns}
        return column.name.lower() in wanted and column.table.lower() in ("", self.alias.lower())


def _has_conditions_around(select: exp.Expr) -> bool:
    """Whether a SELECT is part of another SELECT that has a condition."""
    is_within = select.find_ancestor(exp.CTE, exp.Subquery) is not None
    return is_within and any(where.parent is not select for where in select.root().find_all(exp.Where))
