"""jobs.query: runs a query and returns its first page. A repeated requestId does not run the query again."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid

from devcloud.bigquery import access
from devcloud.bigquery.jobs.job import Job, JobKey, now_ms
from devcloud.bigquery.jobs.records import Record
from devcloud.bigquery.jobs.runner import JobRunner
from devcloud.bigquery.labels import check_labels
from devcloud.bigquery.model import Json
from devcloud.bigquery.rest.app import Call, Routes, whole_number
from devcloud.bigquery.rest.jobs import Jobs, wait_of
from devcloud.bigquery.rest.paging import PageRequest

_REMEMBERED_MS = 15 * 60 * 1000
_QUERY_KEYS = (
    *("query", "queryParameters", "parameterMode", "defaultDataset", "useLegacySql", "maximumBytesBilled"),
    *("useQueryCache", "preserveNulls", "writeIncrementalResults"),
)
_JOB_KEYS = ("dryRun", "jobTimeoutMs", "maxSlots", "reservation")
_IGNORED_KEYS = ("requestId", "maxResults", "timeoutMs", "formatOptions")


class Queries:
    """The handler of jobs.query."""

    def __init__(self, runner: JobRunner, jobs: Jobs) -> None:
        self._runner, self._jobs = runner, jobs
        self._lock = threading.Lock()
        self.routes = Routes()
        self.routes.add("POST", "/bigquery/v2/projects/<project>/queries", self._query)

    def _query(self, call: Call) -> Json:
        access.check_project(call.caller, call.project, "bigquery.jobs.create")
        body = call.resource("QueryRequest")
        limit, timeout_ms = (whole_number(name, body.get(name)) for name in ("maxResults", "timeoutMs"))
        found = self._start(call, body)
        answer = self._jobs.answer(
            found,
            wait_ms=_LONG_ENOUGH if body.get("dryRun") else wait_of(timeout_ms),
            asked=PageRequest(limit=limit, formats=body.get("formatOptions") or {}),
        )
        return {"kind": "bigquery#queryResponse"} | _named(found, answer)

    def _start(self, call: Call, body: Json) -> Job | Record:
        """Start a job for this request, or find that of an earlier equal request."""
        location = str(body.get("location") or self._runner.location_of(call.project, {"query": body}))
        request_id = body.get("requestId")
        job_id = _job_id(call, body) if request_id else f"job_{uuid.uuid4().hex}"
        with self._lock:
            earlier = self._runner.find(JobKey.of(call.project, location, job_id)) if request_id else None
            if earlier is not None and _age_ms(earlier) <= _REMEMBERED_MS:
                return earlier
            if earlier is not None:
                job_id = f"job_{uuid.uuid4().hex}"
            job = self._job(call, body, location, job_id)
            self._runner.submit(job)
            return job

    def _job(self, call: Call, body: Json, location: str, job_id: str) -> Job:
        query = {key: body[key] for key in _QUERY_KEYS if key in body}
        labels = body.get("labels") or {}
        check_labels(labels)
        configuration: Json = {"jobType": "QUERY", "query": query, "labels": labels}
        configuration |= {key: body[key] for key in _JOB_KEYS if body.get(key)}
        job = Job(call.project, location, job_id, configuration, call.caller)
        job.request_id = labels.get("request_id") or body.get("requestId")
        job.keeps_record = not body.get("dryRun")
        job.is_optional = body.get("jobCreationMode") == "JOB_CREATION_OPTIONAL"
        return job


# A dry run leaves no job that a repeated request could find.
_LONG_ENOUGH = 200_000


def _job_id(call: Call, body: Json) -> str:
    """The job id of a request: equal if the caller, the body and the requestId are equal."""
    asked = {key: value for key, value in body.items() if key not in _IGNORED_KEYS}
    parts = [call.project, call.caller.email, body["requestId"], asked]
    return "job_" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _age_ms(found: Job | Record) -> int:
    created = found.created if isinstance(found, Job) else int(found.resource["statistics"]["creationTime"])
    return now_ms() - created


def _named(found: Job | Record, answer: Json) -> Json:
    """The answer with its query id; a dry run has no job."""
    if isinstance(found, Job) and found.is_dry_run:
        return {key: value for key, value in answer.items() if key != "jobReference"} | {
            "jobReference": {"projectId": found.project, "location": found.location}
        }
    reference = answer["jobReference"]
    named = answer | {"queryId": reference["jobId"], "location": reference["location"]}
    if isinstance(found, Job) and not found.keeps_record and answer["jobComplete"] and "pageToken" not in answer:
        del named["jobReference"]
    return named
