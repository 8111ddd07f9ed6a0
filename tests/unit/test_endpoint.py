"""The HTTP endpoint, called with Flask's own request objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask import Request, Response
from pydantic import BaseModel, ConfigDict
from werkzeug.test import EnvironBuilder

from shared import errors
from shared.configuration.settings import get_settings
from shared.domain.requests.creation import Reply
from shared.http.endpoint import MAX_BODY_BYTES
from shared.http.messages import Answer, Call, HttpRequest, creation_answer
from shared.http.problems import problem
from shared.http.routes import Routes
from shared.runtime import log


class Greeting(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    times: int = 1


def nobody_asked(_: HttpRequest) -> str:
    return "anyone"


def build_routes() -> Routes:
    routes = Routes("greeter")

    @routes.on("POST /api/v1/greet/{whom}", policy=nobody_asked)
    def greet(call: Call[str]) -> Answer:
        body = call.body_as(Greeting)
        return Answer(200, {"whom": call.params["whom"], "name": body.name, "user": call.user_id})

    @routes.on("POST /api/v1/make", policy=nobody_asked, idempotency=True)
    def make(call: Call[str]) -> Answer:
        return creation_answer(Reply({"key": call.idempotency_key}, is_replayed=call.idempotency_key == "second time"))

    @routes.on("GET /api/v1/fail/{how}", policy=nobody_asked)
    def fail(call: Call[str]) -> Answer:
        raise {
            "quota": errors.QuotaExceeded(limit=5, used=5, resets_at="2026-01-01T00:00:00Z", retry_after=60),
            "auth": errors.Unauthenticated("the key expired at noon"),
            "down": errors.Unavailable(retry_after=5),
            "overtaken": errors.TransactionAborted(),
            "bug": ZeroDivisionError("secret detail"),
            "template": errors.BrokenTemplate("gcp/cost/own.yml:3: a: is missing\ngcp/cost/own.yml:9: b: is unknown"),
        }[call.params["how"]]

    @routes.on("GET /api/v1/cost", policy=nobody_asked)
    def cost(_: Call[str]) -> Answer:
        return Answer(200, {"costs": [Decimal("0.000000001"), Decimal("1E+2"), Decimal("-1.50")]})

    return routes


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROJECT_ID", "p")
    monkeypatch.setenv("BIGQUERY_LOCATION", "US")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://app.example")
    get_settings.cache_clear()
    log.configure("INFO")  # a log that the test itself configured would keep its lines from pytest
    yield
    get_settings.cache_clear()


def ask(method: str, path: str, **arguments: Any) -> tuple[Response, Any]:
    request = Request(EnvironBuilder(path=path, method=method, **arguments).get_environ())
    response = build_routes().respond(request)
    return response, json.loads(response.get_data() or b"null")


@pytest.mark.parametrize("prefix", ["", "/greeter"])
def test_a_route_is_found_with_and_without_its_functions_prefix(prefix: str) -> None:
    response, body = ask("POST", f"{prefix}/api/v1/greet/ann", json={"name": "x"}, headers={"X-User-ID": "u1"})
    assert (response.status_code, body) == (200, {"whom": "ann", "name": "x", "user": "u1"})


@pytest.mark.parametrize("path", ["/other/api/v1/greet/ann", "/api/v1/greet", "/api/v1/greet/ann/", "/"])
def test_no_other_path_is_answered(path: str) -> None:
    response, body = ask("POST", path, json={"name": "x"})
    assert response.status_code == body["status"] == 404
    assert response.content_type == "application/problem+json"


def test_every_bad_field_is_named_and_no_value_repeated() -> None:
    response, body = ask("POST", "/api/v1/greet/ann", json={"times": "hunter2", "extra": "hunter2"})
    assert response.status_code == 400
    assert {item["field"] for item in body["errors"]} == {"name", "times", "extra"}
    assert "hunter2" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b'"x"', b"\xff\xfe", b'{"name": "a", "name": "b"}', '{"name": "a"}'.encode("utf-16")]
)
def test_a_malformed_body_is_400(data: bytes) -> None:
    response, body = ask("POST", "/api/v1/greet/ann", data=data, content_type="application/json")
    assert response.status_code == 400
    assert body["errors"][0]["field"] == "body"


def test_another_content_type_is_415() -> None:
    assert ask("POST", "/api/v1/greet/ann", data=b"name=x", content_type="text/plain")[0].status_code == 415


@pytest.mark.parametrize("coding", ["gzip", "br", "x"])
def test_an_encoded_body_is_415_even_if_it_is_plain(coding: str) -> None:
    response, body = ask("POST", "/api/v1/greet/ann", json={"name": "x"}, headers={"Content-Encoding": coding})
    assert (response.status_code, "Content-Encoding" in body["detail"]) == (415, True)
    plain, _ = ask("POST", "/api/v1/greet/ann", json={"name": "x"}, headers={"Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_a_parameter_or_field_that_is_given_twice_is_named() -> None:
    assert ask("GET", "/api/v1/cost?limit=1&limit=1")[1]["errors"] == [
        {"field": "limit", "message": "is given twice; give it once"}
    ]
    twice = ask("POST", "/api/v1/greet/ann", data='{"name": "x", "name": "x"}', content_type="application/json")[1]
    assert twice["errors"] == [{"field": "body", "message": "has the field name twice; send it once"}]


def test_an_answer_about_many_wrong_fields_is_short() -> None:
    response, body = ask("POST", "/api/v1/greet/ann", json={f"{'k' * 1000}{number}": 1 for number in range(200)})
    assert (response.status_code, len(body["errors"])) == (400, 50)
    assert body["detail"].endswith("; 151 more fields are wrong.")
    assert max(len(error["field"]) for error in body["errors"]) == 200
    assert len(response.get_data()) < 50_000


def test_an_oversized_body_is_413_with_and_without_a_length() -> None:
    big = b" " * (MAX_BODY_BYTES + 1)
    assert ask("POST", "/api/v1/greet/ann", data=big, content_type="application/json")[0].status_code == 413
    environ = EnvironBuilder(path="/api/v1/greet/ann", method="POST", data=big).get_environ()
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input_terminated"] = True
    assert build_routes().respond(Request(environ)).status_code == 413


def test_another_method_is_405_and_says_which_are_allowed() -> None:
    response, _ = ask("PUT", "/api/v1/greet/ann")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    response, _ = ask("DELETE", "/api/v1/cost")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")


def test_head_gets_the_answer_of_get() -> None:
    response, _ = ask("HEAD", "/api/v1/cost")
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert ask("HEAD", "/api/v1/greet/ann")[0].status_code == 405


def test_an_unauthenticated_caller_gets_the_ways_to_authenticate() -> None:
    response, _ = ask("GET", "/api/v1/fail/auth")
    assert response.status_code == 401
    assert {challenge.split()[0] for challenge in response.headers["WWW-Authenticate"].split(", ")} == {
        "ApiKey",
        "Bearer",
    }


def test_a_used_up_quota_carries_its_facts_and_retry_after() -> None:
    response, body = ask("GET", "/api/v1/fail/quota")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "60")
    assert (body["limit"], body["used"], body["resets_at"]) == (5, 5, "2026-01-01T00:00:00Z")


def test_every_401_has_the_same_words() -> None:
    response, body = ask("GET", "/api/v1/fail/auth")
    assert response.status_code == 401
    assert body["detail"] == "The call has no valid API key in X-API-Key, or on a private route no valid token."


def test_a_dependency_that_is_down_is_503_with_retry_after() -> None:
    assert ask("GET", "/api/v1/fail/down")[0].headers["Retry-After"] == "5"


def test_a_503_without_a_time_of_its_own_has_a_short_retry_after() -> None:
    response, _ = ask("GET", "/api/v1/fail/overtaken")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_money_of_any_size_is_written_without_an_exponent() -> None:
    assert ask("GET", "/api/v1/cost")[1] == {"costs": ["0.000000001", "100", "-1.50"]}


def test_a_bug_is_500_without_its_detail(capsys: pytest.CaptureFixture[str]) -> None:
    response, body = ask("GET", "/api/v1/fail/bug", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert (response.status_code, body["trace_id"]) == (500, "a" * 32)
    assert "secret detail" not in response.get_data(as_text=True)


def test_an_invalid_file_of_the_platform_is_500_with_its_own_detail() -> None:
    answer = problem(errors.ConfigError("platform.yml:3: secret detail"), instance="/", trace_id="a")
    assert (answer.status, answer.body["type"]) == (500, "urn:convergence:error:invalid-configuration")
    assert "file of the platform" in answer.body["detail"]
    assert "secret" not in answer.body["detail"]


def test_the_answer_about_a_broken_template_names_file_and_field(caplog: pytest.LogCaptureFixture) -> None:
    response, body = ask("GET", "/api/v1/fail/template")
    assert (response.status_code, body["type"]) == (500, "urn:convergence:error:invalid-template")
    assert body["detail"].endswith("correct it: gcp/cost/own.yml:3: a: is missing; gcp/cost/own.yml:9: b: is unknown.")
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (logged.exc_info, "own.yml:9" in str(vars(logged))) == (None, True)


def test_every_answer_carries_the_request_id_it_was_given_or_a_new_one() -> None:
    given, _ = ask("GET", "/api/v1/fail/auth", headers={"X-Request-ID": "abc-1"})
    forged, _ = ask("GET", "/api/v1/fail/auth", headers={"X-Request-ID": "a b\tc"})
    assert given.headers["X-Request-ID"] == "abc-1"
    assert len(forged.headers["X-Request-ID"]) == 32


def test_cors_admits_the_named_origin_only_and_never_a_wildcard() -> None:
    preflight = {"Access-Control-Request-Method": "POST"}
    known, _ = ask("OPTIONS", "/api/v1/greet/ann", headers={"Origin": "https://app.example", **preflight})
    unknown, _ = ask("OPTIONS", "/api/v1/greet/ann", headers={"Origin": "https://evil.example", **preflight})
    assert (known.status_code, known.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
    assert known.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Access-Control-Allow-Origin" not in unknown.headers


def test_a_long_user_id_is_refused() -> None:
    response, body = ask("POST", "/api/v1/greet/a", json={"name": "x"}, headers={"X-User-ID": "u" * 129})
    assert (response.status_code, body["errors"][0]["field"]) == (400, "X-User-ID")


@pytest.mark.parametrize("user", ["u1", "Jürgen", "Straße", "李雷", "李" * 128, ""])
def test_a_user_beyond_ascii_arrives_as_it_was_sent(user: str) -> None:
    as_wsgi_has_it = user.encode().decode("latin-1")
    response, body = ask("POST", "/api/v1/greet/ann", json={"name": "x"}, headers={"X-User-ID": as_wsgi_has_it})
    assert (response.status_code, body["user"]) == (200, user or None)


@pytest.mark.parametrize(
    ("user", "message"), [("Jürgen", "must be UTF-8"), ("x" * 129, "at most 128"), ("a\x7fb", "printable")]
)
def test_an_invalid_user_id_is_400(user: str, message: str) -> None:
    response, body = ask("POST", "/api/v1/greet/ann", json={"name": "x"}, headers={"X-User-ID": user})
    assert response.status_code == 400
    assert body["errors"][0]["field"] == "X-User-ID"
    assert message in body["errors"][0]["message"]


def test_an_idempotency_key_is_accepted_or_refused_and_a_replay_is_marked() -> None:
    first, body = ask("POST", "/api/v1/make", headers={"Idempotency-Key": "first time"})
    assert (first.status_code, body["key"], "Idempotent-Replayed" in first.headers) == (202, "first time", False)
    again, _ = ask("POST", "/api/v1/make", headers={"Idempotency-Key": "second time"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    for method, path in (("POST", "/api/v1/greet/ann"), ("GET", "/api/v1/cost")):
        refused, body = ask(method, path, json={"name": "x"}, headers={"Idempotency-Key": "k"})
        assert refused.status_code == 400
        assert body["errors"][0]["field"] == "Idempotency-Key"
