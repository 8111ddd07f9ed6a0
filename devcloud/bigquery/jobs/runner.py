"""Runs each job in a thread. Finds live jobs in memory and ended jobs in their records."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import duckdb

from devcloud.bigquery.jobs import records
from devcloud.bigquery.jobs.gate import Gate
from devcloud.bigquery.jobs.job import Job, JobKey, Outcome, now_ms
from devcloud.bigquery.jobs.locations import Locations
from devcloud.bigquery.jobs.records import Record
from devcloud.bigquery.model import BigQueryError, Json, invalid_query, not_found, not_implemented, unexpected
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.errors import is_false_alarm, translate
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.transactions import repeatable

Handler = Callable[[Job, Session], Outcome]
_LOG_LENGTH = 100_000
_MAX_ALARMS = 5  # a job runs again after at most this many false alarms in a row
_REMEMBERED = 1_000  # ended jobs in memory: some have no record, but a repeated request must get their answers
_log = logging.getLogger(__name__)


class JobRunner:
    """The jobs of all projects; `handlers` run a job by its kind."""

    def __init__(self, engine: Engine, handlers: Mapping[str, Handler], locations: Locations) -> None:
        self._engine, self._handlers = engine, handlers
        self.location_of = locations.of
        self._lock = threading.Lock()
        self._live: dict[JobKey, Job] = {}
        self._ended: OrderedDict[JobKey, Job] = OrderedDict()
        self._finished: deque[Json] = deque(maxlen=_LOG_LENGTH)
        self._threads: set[threading.Thread] = set()
        self._gates: list[Gate] = []
        with engine.session() as session:
            self._recorded = records.keys(session.cursor)  # only this process adds to them

    def submit(self, job: Job) -> None:
        """Start the job; raises duplicate (409) for a used id. A job that will be acknowledged is recorded first."""
        if job.kind not in self._handlers:
            raise not_implemented(f"{job.kind or 'unknown'} jobs")
        with self._lock:
            if job.key in self._live or job.key in self._ended or self._record(job.key):
                raise BigQueryError(
                    "duplicate", f"Already Exists: Job {job.project}:{job.location}.{job.job_id}", status=409
                )
            self._live[job.key] = job
        try:
            if job.acknowledged:
                self._acknowledge(job)
        except BaseException:
            del self._live[job.key]  # the job was not accepted
            raise
        thread = threading.Thread(target=self._run, args=(job,), name=f"job-{job.job_id}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def find(self, key: JobKey) -> Job | Record | None:
        """The job, live or ended, or None."""
        return self._live.get(key) or self._ended.get(key) or self._record(key)

    def get(self, key: JobKey) -> Job | Record:
        """The job, live or ended; raises notFound."""
        found = self.find(key)
        if found is None:
            raise not_found(f"Job {key.project}:{key.location}.{key.job_id}")
        return found

    def listed(self, project: str, parent: str | None) -> list[Json]:
        """The resources of a project's jobs, newest first."""
        with self._engine.session() as session:
            ended = records.listed(session.cursor, project, parent)
        live = {job.job_id: job.resource() for job in self._live.values() if job.project == project and not parent}
        return [*live.values(), *(one for one in ended if one["jobReference"]["jobId"] not in live)]

    def cancel(self, key: JobKey) -> Json:
        """Interrupt the job and return its resource. An ended job does not change."""
        found = self.get(key)
        if isinstance(found, Record):
            return found.resource
        self._interrupt(found)
        return found.resource()

    def _interrupt(self, job: Job) -> None:
        job.cancelled.set()
        # A statement may begin right after an interrupt, so the interrupt is repeated until the job has noticed it.
        while not job.done.wait(0.02):
            session = job.session
            if session is not None:
                with contextlib.suppress(duckdb.Error):  # the cursor is closed, because the job has ended meanwhile
                    session.cursor.interrupt()

    def forget(self, key: JobKey) -> None:
        """Remove an ended job's record."""
        self.get(key)
        with self._engine.session() as session:
            records.remove(session.cursor, key)
        self._recorded.discard(key)
        self._ended.pop(key, None)

    def log(self) -> list[Json]:
        """Every job since the start, oldest first. As in BigQuery, dry runs are left out."""
        return [*self._finished, *(job.log_entry() for job in list(self._live.values()) if not job.is_dry_run)]

    @contextmanager
    def hold(self, **labels: str) -> Iterator[Gate]:
        """A gate for the next job with these labels. It opens at the end of the block."""
        gate = Gate(labels)
        self._gates.append(gate)
        try:
            yield gate
        finally:
            self._gates.remove(gate)
            gate.open()

    def stop(self) -> None:
        """Cancel the running jobs and wait for their end."""
        for job in list(self._live.values()):
            self.cancel(job.key)
        for thread in list(self._threads):
            thread.join()

    def _record(self, key: JobKey) -> Record | None:
        if key not in self._recorded:
            return None
        # Each of these records is one statement, so it needs no transaction.
        return repeatable(self._engine, lambda session: records.find(session.cursor, key))

    def _acknowledge(self, job: Job) -> None:
        repeatable(self._engine, lambda session: records.add(session.cursor, job))
        self._recorded.add(job.key)

    def _run(self, job: Job) -> None:
        job.started = now_ms()
        out_of_time = threading.Timer(job.timeout_seconds or 0, self._time_out, args=[job])
        try:
            if job.timeout_seconds is not None:
                out_of_time.start()
            self._attempt(job)
        except BigQueryError as error:
            self._fail(job, error)
        except duckdb.Error as error:
            failure = translate(error) if is_false_alarm(error) else invalid_query(str(error))
            self._fail(job, failure)
        except Exception as error:  # noqa: BLE001 - the thread's end: whatever it was, the job has failed with it
            _log.exception("job failed unexpectedly", extra={"job_id": job.job_id})
            self._fail(job, unexpected(error))
        finally:
            out_of_time.cancel()
            self._end(job)

    def _time_out(self, job: Job) -> None:
        job.stop_reason = f"Job timed out after {job.timeout_seconds:g}s"
        if not job.done.is_set():
            self._interrupt(job)

    def _attempt(self, job: Job) -> None:
        if any(gate.has_held(job) for gate in list(self._gates)) and job.cancel_requested:
            raise job.stopped()
        if job.kind != "query":
            return repeatable(self._engine, lambda session: self._once(job, session))
        for alarms in range(_MAX_ALARMS + 1):
            with self._engine.session() as session:
                try:
                    return self._once(job, session)
                except (duckdb.Error, BigQueryError) as error:
                    cause = error.__cause__ if isinstance(error, BigQueryError) else error
                    # A script may have committed some of its statements already.
                    if not is_false_alarm(cause) or session.has_committed or alarms == _MAX_ALARMS:
                        raise
        raise AssertionError("the last alarm is raised")

    def _once(self, job: Job, session: Session) -> None:
        job.session = session
        job.outcome = self._handlers[job.kind](job, session)
        session.read()
        if job.is_out_of_time():
            raise job.stopped()
        if job.cancel_requested:
            raise job.stopped()
        job.ended = now_ms()
        if job.keeps_record:
            self._finish(job, session)
        session.commit()
        self._note(job)

    def _fail(self, job: Job, error: BigQueryError) -> None:
        job.error = job.stopped() if job.cancel_requested else error
        job.outcome.answer, job.outcome.result, job.ended = {}, None, now_ms()
        if job.keeps_record:
            repeatable(self._engine, lambda session: self._keep(job, session))
            self._note(job)

    def _keep(self, job: Job, session: Session) -> None:
        session.read()
        self._finish(job, session)
        session.commit()

    def _finish(self, job: Job, session: Session) -> None:
        searched = len(self._recorded) if job.acknowledged else 0  # another job's record is only added
        with session.optimised(searched):
            records.finish(session.cursor, job)

    def _note(self, job: Job) -> None:
        if job.keeps_record:
            self._recorded.update(records.keys_of(job))

    def _end(self, job: Job) -> None:
        job.session = None
        if job.upload is not None:
            job.upload.unlink(missing_ok=True)
        if not job.is_dry_run:
            self._finished.append(job.log_entry())
        with self._lock:
            job.done.set()
            job.done_or_held.set()
            self._ended[job.key] = job
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
            del self._live[job.key]
        self._threads.discard(threading.current_thread())
