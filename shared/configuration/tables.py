"""Loads the descriptions of tables under configs/tables: columns, layout and writers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.configuration.cache import reread_when_changed
from shared.configuration.files import load_document
from shared.configuration.platform_config import CONFIGS
from shared.domain.column_types import require_column_type
from shared.domain.templates.config_problems import Place

_PARTITIONING = ("DATE", "DATETIME", "TIMESTAMP")
Group = Literal["tenants", "tenant_dataset"]
_VIEWS = "tenant_views"
_CUSTOM = "x_"  # columns with this prefix are not FOCUS's


class Partition(BaseModel):
    """Time partitioning by a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    granularity: Literal["DAY", "MONTH"]
    expiration_days: int | None = None


class Column(BaseModel):
    """A column, or a field of a RECORD."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: Annotated[str, AfterValidator(require_column_type)]
    mode: Literal["NULLABLE", "REQUIRED", "REPEATED"] = "NULLABLE"
    description: str = ""
    fields: list[Column] = []

    def to_api(self) -> dict[str, Any]:
        """The REST TableFieldSchema."""
        api = self.model_dump(exclude={"fields"})
        return api | ({"fields": [field.to_api() for field in self.fields]} if self.fields else {})


class Table(BaseModel):
    """One table with its columns, layout and writers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    description: str
    clustering: list[str] = []
    partition: Partition | None = None
    key: list[str] = []
    appended_by: list[dict[str, str]] = []
    mutated_by: list[str] = []
    removed_by: list[str] = []
    read_by: list[str] = []  # functions that only read the table; its writers may read it too
    columns: list[Column] = Field(min_length=1)

    def to_api(self, project: str, dataset: str) -> dict[str, Any]:
        """The REST Table resource that creates the table."""
        api: dict[str, Any] = {
            "tableReference": {"projectId": project, "datasetId": dataset, "tableId": self.table},
            "description": self.description,
            "schema": {"fields": [column.to_api() for column in self.columns]},
        }
        if self.clustering:
            api["clustering"] = {"fields": self.clustering}
        if self.partition:
            api["timePartitioning"] = {"type": self.partition.granularity, "field": self.partition.column}
            if self.partition.expiration_days:
                api["timePartitioning"]["expirationMs"] = str(self.partition.expiration_days * 86_400_000)
        return api


class View(BaseModel):
    """A view of one of a tenant's tables: some of its columns, and all that start with x_.

    A view of one version of FOCUS lists its columns, so that it does not change when its table gets columns of a
    later version.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    view: str
    description: str
    of: str
    columns: list[str] = Field(min_length=1)

    @property
    def table(self) -> str:
        """The view's name. In BigQuery a view is a kind of table."""
        return self.view

    @property
    def shown(self) -> list[str]:
        """The columns that it shows, in order."""
        own = [column.name for column in get_table("tenant_dataset", self.of).columns]
        return [*self.columns, *(name for name in own if name.startswith(_CUSTOM))]


def get_views() -> dict[str, View]:
    """The views of a tenant's dataset, by name. ConfigError names file, line and field of an invalid one."""
    return {view.view: view for view in map(_load_view, sorted((CONFIGS / "tables" / _VIEWS).glob("*.yml")))}


def get_tables(group: Group) -> dict[str, Table]:
    """All tables of a group, by name. ConfigError names file, line and field of an invalid one."""
    return {table.table: table for table in map(_load, sorted((CONFIGS / "tables" / group).glob("*.yml")))}


def get_table(group: Group, name: str) -> Table:
    """One table. It reads only this table's file."""
    return _load(CONFIGS / "tables" / group / f"{name}.yml")


@reread_when_changed
def _load(path: Path) -> Table:
    document = load_document(path)
    table = document.parsed(Table)
    if table.table != path.stem:
        raise document.error([(("table",), f"{table.table} is not the file's name")])
    if problems := [*_column_problems(table.columns), *_layout_problems(table)]:
        raise document.error(problems)
    return table


@reread_when_changed
def _load_view(path: Path) -> View:
    document = load_document(path)
    view = document.parsed(View)
    if view.view != path.stem:
        raise document.error([(("view",), f"{view.view} is not the file's name")])
    table = get_tables("tenant_dataset").get(view.of)
    if table is None:
        raise document.error([(("of",), f"there is no table {view.of}")])
    known = {column.name for column in table.columns}
    wrong = [index for index, name in enumerate(view.columns) if name not in known]
    if wrong:
        message = f"{view.of} has no such column"
        raise document.error([(("columns", index), message) for index in wrong])
    return view


def _column_problems(columns: list[Column], place: Place = ("columns",)) -> Iterator[tuple[Place, str]]:
    names = Counter(column.name.lower() for column in columns)
    for index, column in enumerate(columns):
        if names[column.name.lower()] > 1:
            yield (*place, index, "name"), f"two columns are called {column.name}"
        if bool(column.fields) != (column.type == "RECORD"):
            yield (*place, index), "a RECORD has fields, and no other type has"
        yield from _column_problems(column.fields, (*place, index, "fields"))


def _layout_problems(table: Table) -> Iterator[tuple[Place, str]]:
    types = {column.name: column.type for column in table.columns}
    if table.partition and types.get(table.partition.column) not in _PARTITIONING:
        yield ("partition", "column"), f"{table.partition.column} is no column of type {', '.join(_PARTITIONING)}"
    for index, name in enumerate(table.clustering):
        if name not in types:
            yield ("clustering", index), f"there is no column {name}"
