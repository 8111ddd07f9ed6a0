"""Faults: a function that dies during a call, and a BigQuery that refuses some requests."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import requests
from google.cloud import bigquery
from requests.adapters import HTTPAdapter

from devcloud.server import Devcloud

Call = Callable[[dict[str, str | None]], requests.Response]


def cut_off(cloud: Devcloud, function: str, call: Call, *, at_job: int = 2) -> requests.Response:
    """Make a call with these headers, kill its function while this job of it is running, and return the answer."""
    request_id = uuid.uuid4().hex
    with ThreadPoolExecutor(1) as threads, ExitStack() as gates:
        held = gates.enter_context(cloud.bigquery.hold(request_id=request_id))
        answer = threads.submit(call, {"X-Request-ID": request_id})
        held.await_job()
        for _ in range(at_job - 1):
            before, held = held, gates.enter_context(cloud.bigquery.hold(request_id=request_id))
            before.open()
            held.await_job()
        cloud.kill_function(function)
    return answer.result()


class _Refusing(HTTPAdapter):
    """Carries requests on, and answers some of them itself with a status that the client does not retry."""

    def __init__(self, method: str, place: str, *, after: int) -> None:
        super().__init__()
        self.method, self.place, self.let_through = method, place, after

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        if request.method != self.method or self.place not in (request.url or ""):
            return super().send(request, *arguments, **options)
        self.let_through -= 1
        if self.let_through >= 0:
            return super().send(request, *arguments, **options)
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 403, request, request.url or ""
        error = {"message": "Access Denied: not for you", "errors": [{"reason": "accessDenied"}], "code": 403}
        answer._content = json.dumps({"error": error}).encode()  # requests has no public method for this
        answer.headers["Content-Type"] = "application/json"
        return answer


@contextmanager
def refused(client: bigquery.Client, method: str, place: str, *, after: int = 0) -> Iterator[None]:
    """Refuse the client's requests of this method whose address contains `place`, after the first few."""
    session = client._http  # the client has no public method for this
    before = dict(session.adapters)
    refusing = _Refusing(method, place, after=after)
    for prefix in before:
        session.mount(prefix, refusing)
    try:
        yield
    finally:
        session.adapters.update(before)
