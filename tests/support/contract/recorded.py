"""Replays recorded answers of real BigQuery: right, refused by name, another error, or silently wrong.

    python -m tests.support.contract.recorded [--product] [--failures] FILE

`--product` lists the cases that touch functions and constructs of the product's own SQL.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from devcloud.bigquery import catalog
from devcloud.bigquery.jobs.job import Job, Outcome
from devcloud.bigquery.jobs.latencies import Delays
from devcloud.bigquery.jobs.query import QueryJobs
from devcloud.bigquery.model import BigQueryError, Json, QueryRequest
from devcloud.bigquery.results import ResultStore
from devcloud.bigquery.sql.engine import Engine
from devcloud.identity import Caller
from tests.support.contract.recorded_answers import (
    OTHER_ERROR,
    REFUSED,
    RIGHT,
    Case,
    Verdict,
    judge_answer,
    judge_error,
    plain,
)
from tests.support.contract.sql_features import features, product_features

PROJECT = "your-bigquery-project"
_ONE_QUERY = re.compile(r"(?:\s|--.*\n)*(?:SELECT|WITH|\()[^;]*;?\s*", re.IGNORECASE)


def read_cases(path: Path) -> list[Case]:
    """The recorded cases of a file."""
    cases = []
    for line in path.read_text().splitlines():
        raw = json.loads(line)
        configuration = json.loads(raw.get("job_config.json") or "{}")
        parameters = json.loads(raw.get("parameters.json") or "{}")
        cases.append(Case(raw["case"], raw["setup"], raw["query"], configuration, parameters, raw["expected"]))
    return cases


# Running the cases --------------------------------------------------------------------------------------------------


class Replay:
    """Runs cases. Those that only read share a dataset with others of the same setup; each of the rest has its own."""

    def __init__(self, folder: Path) -> None:
        self._database = duckdb.connect()
        catalog.set_up(self._database)
        self._engine = Engine(self._database)
        self._results = ResultStore(folder)
        self._jobs = QueryJobs(self._engine, self._results, Delays(None))
        self._read_only: dict[str, str] = {}  # the datasets, by the setup that filled them

    def judge(self, case: Case) -> Verdict:
        """Run the case and compare."""
        shared = self._read_only.get(case.setup) if _only_reads(case) else None
        dataset = shared or f"recorded_{uuid.uuid4().hex[:12]}"
        if shared is None:
            with self._engine.session() as session:
                session.read()
                catalog.create_dataset(session.cursor, PROJECT, dataset, {})
                session.commit()
            try:
                self._set_up(_filled(case.setup, dataset))
            except BigQueryError as error:
                outcome = REFUSED if error.reason == "notImplemented" else OTHER_ERROR
                return Verdict(case, outcome, f"setup: {error.message}")
        if _only_reads(case):
            self._read_only[case.setup] = dataset
        return self._answered(case, dataset)

    def _answered(self, case: Case, dataset: str) -> Verdict:
        try:
            answer = self._ask(case, dataset)
        except BigQueryError as error:
            return judge_error(case, error)
        except duckdb.Error as error:
            return Verdict(case, OTHER_ERROR, f"{type(error).__name__}: {error}")
        finally:
            if dataset not in self._read_only.values():
                self._drop(dataset)
        return judge_answer(case, *answer)

    def _drop(self, dataset: str) -> None:
        with self._engine.session() as session:
            session.read()
            if catalog.find_dataset(session.cursor, PROJECT, dataset):
                catalog.drop_dataset(session.cursor, PROJECT, dataset, delete_contents=True)
                session.commit()

    def _set_up(self, sql: str) -> None:
        if not sql.strip():
            return
        with self._engine.session() as session:
            self._engine.run(QueryRequest(sql, PROJECT), session=session)
            session.commit()

    def _ask(self, case: Case, dataset: str) -> tuple[Outcome, list[Json], list[dict[str, Any]]]:
        job = Job(PROJECT, "US", uuid.uuid4().hex, _job(case, dataset), Caller("judge@example.com", PROJECT))
        with self._engine.session() as session:
            outcome = self._jobs.run(job, session)
            session.commit()
            fields = (outcome.answer.get("schema") or {}).get("fields") or []
            if outcome.result is None:
                return outcome, fields, []
            return outcome, fields, self._rows(outcome, fields)

    def _rows(self, outcome: Outcome, fields: list[Json]) -> list[dict[str, Any]]:
        assert outcome.result is not None
        stored = self._results.find(outcome.result)
        if stored is None:
            ref = outcome.result
            with self._engine.session() as session:
                request = QueryRequest(f"SELECT * FROM `{ref.project}.{ref.dataset}.{ref.table}`", PROJECT)
                table = self._engine.run(request, session=session).rows
        else:
            table = stored.rows
        assert table is not None
        names = [field["name"] for field in fields]
        return [
            {name: plain(row, field) for name, row, field in zip(names, values, fields, strict=True)}
            for values in zip(*(column.to_pylist() for column in table.columns), strict=True)
        ]


def _only_reads(case: Case) -> bool:
    """Whether the case leaves its dataset as it was: it is one query without a destination."""
    return "destination" not in case.configuration and bool(_ONE_QUERY.fullmatch(case.query))


def _filled(text: str, dataset: str) -> str:
    return (
        text.replace("${DATASET_ID}", dataset)
        .replace("${DATASET}", f"{PROJECT}.{dataset}")
        .replace("${PROJECT}", PROJECT)
    )


def _job(case: Case, dataset: str) -> Json:
    given = json.loads(_filled(json.dumps(case.configuration), dataset))
    query: Json = {"query": _filled(case.query, dataset), "useLegacySql": False}
    if "default_dataset" in given:
        query["defaultDataset"] = {"projectId": PROJECT, "datasetId": dataset}
    if "destination" in given:
        project, name, table = given["destination"].split(".")
        query["destinationTable"] = {"projectId": project, "datasetId": name, "tableId": table}
    for key, member in _MEMBERS.items():
        if key in given:
            query[member] = given[key]
    if "clustering_fields" in given:
        query["clustering"] = {"fields": given["clustering_fields"]}
    if case.parameters:
        query["parameterMode"] = case.parameters["mode"].upper()
        query["queryParameters"] = [_parameter(one) for one in case.parameters["parameters"]]
    configuration: Json = {"query": query, "labels": given.get("labels", {})}
    return configuration | ({"dryRun": True} if given.get("dry_run") else {})


_MEMBERS = {
    "write_disposition": "writeDisposition",
    "time_partitioning": "timePartitioning",
    "schema_update_options": "schemaUpdateOptions",
    "maximum_bytes_billed": "maximumBytesBilled",
    "create_session": "createSession",
}


def _parameter(given: Json) -> Json:
    kind = given["type"] if isinstance(given["type"], dict) else {"type": given["type"]}
    parameter = {"parameterType": kind, "parameterValue": _value(kind, given["value"])}
    if "structTypes" in kind:
        members = [{"name": m["name"], "type": {"type": m["type"]}} for m in kind["structTypes"]]
        parameter["parameterType"] = {"type": "STRUCT", "structTypes": members}
    return parameter | ({"name": given["name"]} if "name" in given else {})


def _value(kind: Json, value: Any) -> Json:
    if kind["type"] == "ARRAY":
        return {"arrayValues": [{"value": str(item)} for item in value]}
    if kind["type"] == "STRUCT":
        return {"structValues": {name: {"value": str(item)} for name, item in value.items()}}
    return {"value": None if value is None else str(value)}


# Reporting ----------------------------------------------------------------------------------------------------------


def judge_all(cases: Iterable[Case]) -> list[Verdict]:
    """Run the cases and return their verdicts, in order."""
    with tempfile.TemporaryDirectory() as folder:
        replay = Replay(Path(folder))
        return [replay.judge(case) for case in cases]


def product_cases(cases: Iterable[Case], root: Path) -> dict[str, list[str]]:
    """Return, for each feature that the product's SQL uses, the ids of the cases that have it."""
    wanted = product_features(root)
    touched: dict[str, list[str]] = {}
    for case in cases:
        for feature in sorted(_features(case) & wanted):
            touched.setdefault(feature, []).append(case.name)
    return touched


def foreign_features(case: Case, root: Path) -> frozenset[str]:
    """The features that the case uses and the product does not. Only they justify a refusal of the case."""
    return _features(case) - product_features(root)


def _features(case: Case) -> frozenset[str]:
    options = {f"job option {name}" for name in case.configuration if name not in _PLAIN_OPTIONS}
    return features(case.setup, case.query) | options


_PLAIN_OPTIONS = ("labels", "use_query_cache", "priority", "job_timeout_ms", "dry_run")


def main() -> None:
    """Print the number of cases for each verdict, and the cases that are not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--product", action="store_true")
    parser.add_argument("--failures", action="store_true")
    given = parser.parse_args()
    cases = read_cases(given.file)
    if given.product:
        for feature, names in product_cases(cases, Path.cwd()).items():
            print(f"{feature}: {' '.join(names)}")
        return
    verdicts = judge_all(cases)
    for outcome, count in Counter(verdict.outcome for verdict in verdicts).most_common():
        print(f"{outcome}: {count} of {len(verdicts)}")
    for verdict in verdicts:
        if given.failures and verdict.outcome != RIGHT:
            print(f"{verdict.outcome}: {verdict.case.name}: {verdict.detail}")


if __name__ == "__main__":
    main()
