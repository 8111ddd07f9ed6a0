"""Checks the location of a job. It must be the location of the job's datasets, and by default it is taken from them."""

from __future__ import annotations

from devcloud.bigquery import catalog
from devcloud.bigquery.model import BigQueryError, Json, QueryRequest, TableRef, not_found
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.session import Session


def check_locations(session: Session, location: str, tables: list[TableRef]) -> None:
    """Raise notFound for a table whose dataset lives elsewhere than the job."""
    session.read()
    for project, dataset in {(ref.project, ref.dataset) for ref in tables}:
        found = catalog.find_dataset(session.cursor, project, dataset)
        if found is not None and found["location"].lower() != location.lower():
            raise not_found(f"Dataset {project}:{dataset} was not found in location {location}")


class Locations:
    """Finds the location of jobs that name none."""

    def __init__(self, engine: Engine, default: str) -> None:
        self._engine, self._default = engine, default

    def of(self, project: str, configuration: Json) -> str:
        """The location of the first dataset that the JobConfiguration names, or the default."""
        with self._engine.session() as session:
            session.read()
            for named_project, dataset in self._datasets(session, project, configuration):
                found = catalog.find_dataset(session.cursor, named_project or project, dataset)
                if found is not None:
                    return str(found["location"])
        return self._default

    def _datasets(self, session: Session, project: str, configuration: Json) -> list[tuple[str, str]]:
        query = configuration.get("query")
        asked = query or configuration.get("load") or configuration.get("copy") or {}
        named = [asked.get("destinationTable"), asked.get("defaultDataset")]
        known = [
            (str(one.get("projectId") or ""), str(one["datasetId"])) for one in named if one and one.get("datasetId")
        ]
        if known or not query:
            return known
        locations = {one["location"].lower() for one in catalog.list_datasets(session.cursor, project)}
        if locations <= {self._default.lower()}:
            return []
        request = QueryRequest(
            str(query.get("query") or ""),
            project,
            parameters=tuple(query.get("queryParameters") or ()),
            parameter_mode=query.get("parameterMode") or "NAMED",
            dry_run=True,
        )
        try:
            result = self._engine.run(request, session=session)
        except BigQueryError:
            return []  # the job will report the error when it runs
        return [(ref.project, ref.dataset) for ref in result.referenced_tables]
