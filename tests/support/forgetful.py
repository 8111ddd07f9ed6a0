"""A BigQuery that loses answers, receives requests twice, and denies existing jobs for a while."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import requests
from google.cloud import bigquery
from requests.adapters import HTTPAdapter

Fault = Literal["none", "refused", "lost", "repeated"]


@dataclass
class Forgetfulness:
    """The faults of job inserts, one after the other, and then none. After a 409 come `denials` answers of 404."""

    faults: Sequence[Fault] = ()
    denials: int = 0
    inserted: int = 0
    denied: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self) -> Fault:
        """The fault of the next insert."""
        with self.lock:
            number, self.inserted = self.inserted, self.inserted + 1
        return self.faults[number] if number < len(self.faults) else "none"

    def denies(self, job_id: str) -> bool:
        """Whether BigQuery denies the job again."""
        with self.lock:
            self.denied[job_id] -= 1
            return self.denied[job_id] >= 0


class _Adapter(HTTPAdapter):
    def __init__(self, forgetfulness: Forgetfulness) -> None:
        super().__init__()
        self.forgetfulness = forgetfulness

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        path = (request.url or "").partition("?")[0]
        if request.method == "POST" and path.endswith("/jobs"):
            return self._insert(request, *arguments, **options)
        job_id = path.rpartition("/")[2]
        if request.method == "GET" and ("/jobs/" in path or "/queries/" in path) and self.forgetfulness.denies(job_id):
            return _answer(request, 404, f"Not found: Job project:US.{job_id}", "notFound")
        return super().send(request, *arguments, **options)

    def _insert(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        fault = self.forgetfulness.next_fault()
        if fault == "refused":
            return _answer(request, 503, "try again", "backendError")
        answer = super().send(request, *arguments, **options)
        if fault == "repeated":
            answer.close()
            answer = super().send(request, *arguments, **options)
        if answer.status_code == 409:
            job_id = json.loads(request.body or "{}")["jobReference"]["jobId"]
            self.forgetfulness.denied[job_id] = self.forgetfulness.denials
        if fault == "lost":
            answer.close()
            raise requests.ConnectionError("the answer was lost")
        return answer


def _answer(request: requests.PreparedRequest, status: int, message: str, reason: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer.request, answer.url = status, request, request.url or ""
    error = {"message": message, "errors": [{"reason": reason, "message": message}], "code": status}
    answer._content = json.dumps({"error": error}).encode()  # requests has no public method for this
    answer.headers["Content-Type"] = "application/json"
    return answer


@contextmanager
def forgetful(client: bigquery.Client, forgetfulness: Forgetfulness) -> Iterator[None]:
    """Send the client's requests through this BigQuery inside the block."""
    session = client._http  # the client has no public method for this
    before, adapter = dict(session.adapters), _Adapter(forgetfulness)
    for prefix in before:
        session.mount(prefix, adapter)
    try:
        yield
    finally:
        session.adapters.update(before)
        adapter.close()
