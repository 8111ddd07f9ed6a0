from __future__ import annotations

import base64
import os
import threading
from pathlib import Path

import pytest
import requests

from devcloud.gateway.gateway import Gateway
from tests.devcloud.gateway.conftest import Signer
from tests.support.devcloud.handler import PATIENCE_SECONDS

NESTED = base64.urlsafe_b64encode(b"[" * 5_000).decode()


def test_a_route_reaches_its_function_as_it_was_sent(gateway: Gateway) -> None:
    answer = requests.post(f"{gateway.url}/api/v1/echo/a%20b?x=1&y=%2F", data=b"hello", timeout=30)

    assert (answer.status_code, answer.headers["X-Echo"]) == (207, "yes")
    seen = answer.json()
    assert seen["raw"] == "/api/v1/echo/a%20b?x=1&y=%2F"
    assert (seen["method"], seen["body"], seen["colour"]) == ("POST", "hello", "green")


def test_a_functions_own_url_forwards_any_path_and_method_without_the_functions_name(gateway: Gateway) -> None:
    assert requests.delete(f"{gateway.url}/echo/anything/at/all", timeout=30).json()["raw"] == "/anything/at/all"
    assert requests.get(f"{gateway.url}/echo", timeout=30).json()["raw"] == "/"


def test_a_route_ignores_the_method_because_the_function_answers_405_itself(gateway: Gateway) -> None:
    assert requests.put(f"{gateway.url}/api/v1/echo/a", timeout=30).json()["method"] == "PUT"


@pytest.mark.parametrize("path", ["/", "/api/v1/echo", "/api/v1/echo/a/b", "/api/v1/nothing/a", "/echoes"])
def test_an_unknown_path_is_a_problem(gateway: Gateway, path: str) -> None:
    answer = requests.get(gateway.url + path, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert f"serves {path}: docs/api.md " in answer.json()["detail"]


def test_no_process_runs_before_the_first_request_and_the_next_one_reuses_it(gateway: Gateway) -> None:
    assert set(gateway.states().values()) == {"cold"}
    pids = {requests.get(f"{gateway.url}/echo", timeout=30).json()["pid"] for _ in range(3)}
    assert len(pids) == 1
    assert gateway.states()["echo"] == "running"


def test_concurrent_first_requests_start_one_process(gateway: Gateway) -> None:
    pids: list[int] = []
    threads = [
        threading.Thread(target=lambda: pids.append(requests.get(f"{gateway.url}/echo", timeout=30).json()["pid"]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 4
    assert len(set(pids)) == 1


def test_a_request_whose_process_dies_is_503_and_the_next_one_starts_a_process(gateway: Gateway) -> None:
    assert requests.get(f"{gateway.url}/broken", timeout=30).text == "alive"
    answer = requests.get(f"{gateway.url}/broken?die=1", timeout=30)
    assert answer.status_code == 503
    assert "Service Unavailable" in answer.text
    assert requests.get(f"{gateway.url}/broken", timeout=30).status_code == 200


def test_a_request_past_the_functions_timeout_is_504(gateway: Gateway) -> None:
    assert requests.get(f"{gateway.url}/impatient?hang=1", timeout=30).status_code == 504


def test_a_body_over_cloud_runs_limit_is_413(gateway: Gateway) -> None:
    answer = requests.post(f"{gateway.url}/echo", data=b"x" * (32 * 1024 * 1024 + 1), timeout=30)
    assert answer.status_code == 413


def test_a_trace_is_kept_or_added_if_missing(gateway: Gateway) -> None:
    added = requests.get(f"{gateway.url}/echo", timeout=30).json()["headers"]
    _, trace_id, span_id, _ = added["Traceparent"].split("-")
    assert added["X-Cloud-Trace-Context"] == f"{trace_id}/{int(span_id, 16)};o=1"

    given = f"00-{'a' * 32}-{'b' * 16}-01"
    kept = requests.get(f"{gateway.url}/echo", headers={"traceparent": given}, timeout=30).json()["headers"]
    assert kept["Traceparent"] == given
    assert kept["X-Cloud-Trace-Context"].startswith("a" * 32)

    given = f"00-{'a' * 32}-{'z' * 16}-01"
    replaced = requests.get(f"{gateway.url}/echo", headers={"traceparent": given}, timeout=30).json()["headers"]
    assert "z" not in replaced["Traceparent"]


def test_a_public_function_sees_the_authorization_as_it_was_sent(gateway: Gateway) -> None:
    headers = {"Authorization": "Bearer whatever"}
    assert (
        requests.get(f"{gateway.url}/echo", headers=headers, timeout=30).json()["headers"]["Authorization"]
        == "Bearer whatever"
    )


def test_an_invoker_is_admitted_and_its_tokens_signature_removed(gateway: Gateway, signer: Signer) -> None:
    token = signer.token(gateway.function_url("guarded"))
    answer = requests.post(f"{gateway.url}/api/v1/guarded/x", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    header, payload, _ = token.split(".")
    assert answer.json()["headers"]["Authorization"] == f"Bearer {header}.{payload}.SIGNATURE_REMOVED_BY_GOOGLE"


def test_a_private_function_without_a_token_is_403(gateway: Gateway) -> None:
    answer = requests.post(f"{gateway.url}/guarded", timeout=30)
    assert answer.status_code == 403
    assert "<h1>Error: Forbidden</h1>" in answer.text
    assert gateway.states()["guarded"] == "cold"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"email": "stranger@p.iam.gserviceaccount.com"}, 403),
        ({"email_verified": False}, 403),
        ({"aud": "http://elsewhere/guarded"}, 401),
        ({"iss": "https://evil.example"}, 401),
        ({"iat": 1, "exp": 2}, 401),
        ({"exp": "tomorrow"}, 401),
        ({"iat": None}, 401),
        ({"iss": ["https://accounts.google.com"]}, 401),
    ],
)
def test_a_token_that_does_not_fit_is_refused(
    gateway: Gateway, signer: Signer, changed: dict[str, object], status: int
) -> None:
    token = signer.token(gateway.function_url("guarded"), **changed)
    answer = requests.post(f"{gateway.url}/guarded", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "authorization",
    ["Bearer x", "Bearer a.b.c", "Basic dTpw", "Bearer a.b.SIGNATURE_REMOVED_BY_GOOGLE", f"Bearer {NESTED}.{NESTED}.c"],
)
def test_a_token_that_cannot_be_verified_is_401(gateway: Gateway, authorization: str) -> None:
    answer = requests.post(f"{gateway.url}/guarded", headers={"Authorization": authorization}, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_a_forged_signature_is_401(gateway: Gateway, signer: Signer) -> None:
    token = Signer().token(gateway.function_url("guarded"))
    answer = requests.post(f"{gateway.url}/guarded", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 401


def test_a_functions_output_goes_to_its_log(gateway: Gateway, tmp_path: Path) -> None:
    requests.get(f"{gateway.url}/echo", timeout=30)
    assert '"message": "echoed"' in (tmp_path / "logs" / "echo.log").read_text()


def test_stopping_ends_the_processes(gateway: Gateway) -> None:
    pid = requests.get(f"{gateway.url}/echo", timeout=30).json()["pid"]
    gateway.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_devclouds_own_pages_answer_json(gateway: Gateway) -> None:
    assert requests.get(f"{gateway.url}/_devcloud/health", timeout=30).json() == {"status": "ok"}


def test_a_function_ends_when_its_parent_is_gone(gateway: Gateway) -> None:
    pid = requests.get(f"{gateway.url}/echo", timeout=30).json()["pid"]
    instance = gateway._processes["echo"]._instance
    assert instance is not None
    instance.close_input()
    assert instance.await_end(PATIENCE_SECONDS)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_function_that_does_not_start_is_503_with_the_end_of_its_log(gateway: Gateway, tmp_path: Path) -> None:
    source = tmp_path / "main.py"
    source.write_text("raise RuntimeError('cannot be imported')\n")
    gateway._processes["echo"]._source = source
    answer = requests.get(f"{gateway.url}/echo", timeout=30)
    assert answer.status_code == 503
    assert "cannot be imported" in answer.text
