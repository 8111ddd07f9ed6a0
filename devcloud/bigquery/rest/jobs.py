"""Jobs over REST: insert, get, list, cancel, delete, and getQueryResults."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from devcloud.bigquery import access
from devcloud.bigquery.jobs.job import Job, JobKey
from devcloud.bigquery.jobs.load import check_load
from devcloud.bigquery.jobs.records import Record
from devcloud.bigquery.jobs.runner import JobRunner
from devcloud.bigquery.labels import check_labels
from devcloud.bigquery.model import BigQueryError, Json, TableRef
from devcloud.bigquery.rest.app import Call, Routes
from devcloud.bigquery.rest.cells import encode_rows
from devcloud.bigquery.rest.fields import read
from devcloud.bigquery.rest.paging import PageRequest, page_of, page_request, token_for
from devcloud.bigquery.rest.resource_fields import RESOURCES
from devcloud.bigquery.rest.rows import Rows
from devcloud.identity import Caller

_PROJECT = "/bigquery/v2/projects/<project>"
_JOB_ID = re.compile(r"[A-Za-z0-9_\-]{1,1024}")
_DEFAULT_WAIT_MS, _LONGEST_WAIT_MS = 10_000, 200_000
# In BigQuery jobs.insert answers at once. Here it waits for a short job, which saves the client a polling interval. It
# does not wait for a job that a gate holds.
_GRACE_SECONDS = 1.0
# Requests for a job in one of these locations may leave out the location. For other locations they must name it.
_MULTI_REGIONS = ("US", "EU")
# The HTTP status for each reason of a failed job, in answers that carry the job's error.
_STATUSES = {"notFound": 404, "accessDenied": 403, "duplicate": 409, "notImplemented": 501, "devcloudError": 500}


class Jobs:
    """The handlers of jobs."""

    def __init__(self, runner: JobRunner, rows: Rows) -> None:
        self._runner, self._rows = runner, rows
        self.routes = Routes()
        add = self.routes.add
        add("GET", f"{_PROJECT}/jobs", self._list)
        add("POST", f"{_PROJECT}/jobs", lambda call: self.insert(call.caller, call.project, call.body(), None))
        add("GET", f"{_PROJECT}/jobs/<job>", self._get)
        add("POST", f"{_PROJECT}/jobs/<job>/cancel", self._cancel)
        add("DELETE", f"{_PROJECT}/jobs/<job>/delete", self._delete)
        add("GET", f"{_PROJECT}/queries/<job>", self._query_results)

    def insert(self, caller: Caller, project: str, body: Json, upload: Path | None) -> Json:
        """jobs.insert. `upload` is the file of a load job; the job removes it."""
        access.check_project(caller, project, "bigquery.jobs.create")
        body = read(RESOURCES, "Job", body, nulls=False)
        reference = body.get("jobReference") or {}
        configuration = body.get("configuration")
        if not configuration:
            raise BigQueryError("required", "Required parameter is missing: configuration")
        check_labels(configuration.get("labels"))
        if "load" in configuration:
            check_load(configuration["load"])
        job_id = str(reference.get("jobId") or f"job_{uuid.uuid4().hex}")
        if not _JOB_ID.fullmatch(job_id):
            raise BigQueryError("invalid", f'Invalid job ID "{job_id}".')
        location = str(reference.get("location") or self._runner.location_of(project, configuration))
        labels = configuration.get("labels") or {}
        dry_run = bool(configuration.get("dryRun"))
        job = Job(project, location, job_id, configuration, caller, labels.get("request_id"), upload)
        job.keeps_record = job.acknowledged = not dry_run
        self._runner.submit(job)
        if dry_run:
            job.done.wait()
            raise_failure(job.error)
        job.done_or_held.wait(_GRACE_SECONDS)
        return job.resource()

    def answer(self, found: Job | Record, *, wait_ms: int, asked: PageRequest) -> Json:
        """The answer of jobs.query and getQueryResults: waits for the job, and raises its error."""
        if isinstance(found, Job):
            if not found.done.wait(wait_ms / 1000):
                return {"jobReference": found.reference(), "jobComplete": False}
            raise_failure(found.error)
            return self._complete(found.reference(), found.outcome.answer, found.outcome.result, asked)
        failure = found.resource["status"].get("errorResult")
        if failure:
            raise_failure(BigQueryError(failure["reason"], failure["message"], location=failure.get("location")))
        return self._complete(found.resource["jobReference"], found.answer, found.result, asked)

    def _complete(self, reference: Json, answer: Json, result: TableRef | None, asked: PageRequest) -> Json:
        body = {"jobReference": reference, "jobComplete": True, "cacheHit": False} | {
            key: value for key, value in answer.items() if not key.startswith("_")
        }
        if result is None:
            return body
        total = int(answer.get("totalRows") or 0)
        if asked.limit == 0:
            return body | ({"pageToken": token_for(asked.start)} if asked.start < total else {})
        page = self._rows.page(result, asked.start, asked.limit)
        if page.rows.num_rows:
            body["rows"] = encode_rows(page.rows, page.schema, asked.formats)
        return body | ({"pageToken": page.next_token} if page.next_token else {})

    def _query_results(self, call: Call) -> Json:
        found = self._runner.get(self._key(call))
        resource = found.resource if isinstance(found, Record) else found.resource()
        if "query" not in resource["configuration"]:
            raise BigQueryError("invalid", f"Job {call.names['job']} is not a query job")
        wait_ms = wait_of(call.number("timeoutMs"))
        body = self.answer(found, wait_ms=wait_ms, asked=page_request(call))
        return {"kind": "bigquery#getQueryResultsResponse", "etag": resource["etag"]} | body

    def _get(self, call: Call) -> Json:
        found = self._runner.get(self._key(call))
        return found.resource if isinstance(found, Record) else found.resource()

    def _cancel(self, call: Call) -> Json:
        return {"kind": "bigquery#jobCancelResponse", "job": self._runner.cancel(self._key(call))}

    def _delete(self, call: Call) -> None:
        self._runner.forget(self._key(call))

    def _list(self, call: Call) -> Json:
        access.check_project(call.caller, call.project, "bigquery.jobs.list")
        found = self._runner.listed(call.project, call.argument("parentJobId"))
        states = [state.upper() for state in call.request.args.getlist("stateFilter")]
        kept, token = page_of([one for one in found if _matches(one, call, states)], call)
        listed = [
            one
            | {"state": one["status"]["state"]}
            | ({"errorResult": one["status"]["errorResult"]} if "errorResult" in one["status"] else {})
            for one in kept
        ]
        return {"kind": "bigquery#jobList", "jobs": listed} | token

    def _key(self, call: Call) -> JobKey:
        access.check_project(call.caller, call.project, "bigquery.jobs.get")
        location = call.argument("location")
        if location:
            return JobKey.of(call.project, location, call.names["job"])
        keys = [JobKey.of(call.project, each, call.names["job"]) for each in _MULTI_REGIONS]
        return next((key for key in keys if self._runner.find(key)), keys[0])


def wait_of(timeout_ms: int | None) -> int:
    """The time for which a request waits for its job."""
    return min(_DEFAULT_WAIT_MS if timeout_ms is None else timeout_ms, _LONGEST_WAIT_MS)


def raise_failure(error: BigQueryError | None) -> None:
    """Raise a failed job's error as the request's."""
    if error is not None:
        status = _STATUSES.get(error.reason, 400)
        raise BigQueryError(error.reason, error.message, status=status, location=error.location)


def _matches(job: Json, call: Call, states: list[str]) -> bool:
    created = int(job["statistics"]["creationTime"])
    earliest, latest = call.number("minCreationTime"), call.number("maxCreationTime")
    return (
        (not states or job["status"]["state"] in states)
        and (earliest is None or created >= earliest)
        and (latest is None or created <= latest)
    )
