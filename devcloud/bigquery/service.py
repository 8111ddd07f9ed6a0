"""The BigQuery service: one DuckDB file, the REST API over HTTP and the Storage Read API over gRPC."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb

from devcloud.bigquery import catalog
from devcloud.bigquery.jobs import records
from devcloud.bigquery.jobs.copy import run_copy
from devcloud.bigquery.jobs.gate import Gate
from devcloud.bigquery.jobs.latencies import Delays, Latencies
from devcloud.bigquery.jobs.load import run_load
from devcloud.bigquery.jobs.locations import Locations
from devcloud.bigquery.jobs.query import QueryJobs
from devcloud.bigquery.jobs.runner import JobRunner
from devcloud.bigquery.model import Json, QueryRequest
from devcloud.bigquery.optimiser import Optimiser
from devcloud.bigquery.rest.app import RestApp
from devcloud.bigquery.rest.jobs import Jobs
from devcloud.bigquery.rest.queries import Queries
from devcloud.bigquery.rest.resources import Resources
from devcloud.bigquery.rest.rows import Rows
from devcloud.bigquery.rest.uploads import Uploads
from devcloud.bigquery.results import ResultStore
from devcloud.bigquery.sql.clock import Clock
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.storage_read import StorageRead
from devcloud.http_server import HttpServer
from devcloud.identity import Identity
from devcloud.tls import Tls


def _threads() -> int:
    """The number of threads of one statement. Other jobs, the functions and their callers need the same cores.

    On two cores a second thread costs a small statement a tenth more CPU, and makes a large one a quarter faster.
    """
    return max(1, (os.cpu_count() or 1) // 2)


class BigQuery:
    """BigQuery over `state_dir`; `location` is the default for datasets and jobs. `latencies` delay each statement."""

    def __init__(
        self,
        state_dir: Path,
        identity: Identity,
        *,
        port: int = 0,
        location: str = "US",
        latencies: Latencies | None = None,
    ) -> None:
        folder = state_dir / "bigquery"
        folder.mkdir(parents=True, exist_ok=True)
        self._database = duckdb.connect(str(folder / "bigquery.duckdb"), config={"threads": _threads()})
        self._engine = engine = Engine(self._database)  # sets the time zone, so it comes first
        self._set_up()
        results = ResultStore(folder / "results")
        results.remove_expired()
        delays = Delays(latencies)
        handlers = {
            "query": QueryJobs(engine, results, delays).run,
            "load": delays.before(run_load),
            "copy": delays.before(run_copy),
        }
        self._runner = JobRunner(engine, handlers, Locations(engine, location))
        rows = Rows(engine, results)
        jobs = Jobs(self._runner, rows)
        routes = [
            Resources(engine, results, location).routes,
            rows.routes,
            jobs.routes,
            Queries(self._runner, jobs).routes,
            Uploads(jobs, folder / "uploads").routes,
        ]
        self._storage = StorageRead(identity, Tls(state_dir), engine, results, folder / "read_sessions")
        self._http = HttpServer(RestApp(identity, routes), name="bigquery", port=port)

    def take_again(self, ports: Mapping[str, int]) -> None:
        """Use the ports of the last start, `bigquery` and `storage_read`, if they are free."""
        self._http.former_port, self._storage.former_port = ports.get("bigquery", 0), ports.get("storage_read", 0)

    @property
    def url(self) -> str:
        """The REST endpoint, for `ClientOptions(api_endpoint=...)`."""
        return self._http.url

    @property
    def storage_address(self) -> str:
        """The Storage Read endpoint, host:port."""
        return self._storage.address

    def start(self) -> None:
        """Bind and serve."""
        self._http.start()
        self._storage.start()

    def stop(self) -> None:
        """Stop serving, end the jobs, close the database; safe to call twice."""
        self._http.stop()
        self._storage.stop()
        self._runner.stop()
        self._database.close()

    @property
    def optimiser(self) -> Optimiser:
        """Whether DuckDB optimises statements."""
        return self._engine.optimiser

    @property
    def clock(self) -> Clock:
        """The clock that statements see."""
        return self._engine.clock

    def jobs(self) -> list[Json]:
        """Every job since start, oldest first: id, statement, tables, caller, request id, duration."""
        return self._runner.log()

    def hold(self, **labels: str) -> AbstractContextManager[Gate]:
        """Hold the next job with these labels until the block ends or its gate is opened."""
        return self._runner.hold(**labels)

    @contextmanager
    def open_transaction(self, project: str, *statements: str) -> Iterator[None]:
        """Run statements in a transaction, as another client would; it commits only at the end of the block."""
        with self._engine.session() as session:
            session.begin_transaction()
            for statement in statements:
                self._engine.run(QueryRequest(statement, project), session=session)
            yield
            session.commit_transaction()
            session.commit()

    def _set_up(self) -> None:
        with self._database.cursor() as cursor:
            cursor.execute("BEGIN")
            catalog.set_up(cursor)
            records.set_up(cursor)
            cursor.execute("COMMIT")
