"""A call whose function dies while it works."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from devcloud.server import Devcloud
from tests.conftest import JobsOf

Call = Callable[[dict[str, str | None]], requests.Response]


def cut_off(cloud: Devcloud, function: str, jobs_of: JobsOf, call: Call) -> requests.Response:
    """The answer of a call, made with these headers, whose function is killed as soon as its second job is there."""
    request_id, answered = uuid.uuid4().hex, threading.Event()

    def kill_at_second_job() -> None:
        while not answered.is_set():
            if len(jobs_of(request_id)) > 1:
                cloud.kill_function(function)
                return

    with ThreadPoolExecutor(1) as threads:
        killer = threads.submit(kill_at_second_job)
        answer = call({"X-Request-ID": request_id})
        answered.set()
        killer.result()
    return answer
