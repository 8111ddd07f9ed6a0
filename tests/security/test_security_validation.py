"""Every tenant route refuses invalid callers and fields, and no answer, log or error contains a secret."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from devcloud.server import Devcloud
from tests.conftest import JobsOf, MakeFrontend
from tests.support.answers import refused_fields
from tests.support.frontend import Frontend
from tests.support.routes import ROUTES, call, filled

Json = dict[str, Any]
Changed = Callable[[str, str], Frontend]
ORIGIN = "http://localhost:3000"
POSTS = [route for route in ROUTES if route.startswith("POST ")]

pytestmark = pytest.mark.phase3


def assert_unauthenticated(answer: requests.Response) -> None:
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body.pop("instance"), bool(body.pop("trace_id"))) == (answer.request.path_url, True)
    assert body == {
        "type": "urn:convergence:error:unauthenticated",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The call has no valid API key in X-API-Key, or on a private route no valid token.",
    }


@pytest.mark.parametrize("route", ROUTES)
def test_malformed_keys_get_the_same_401_without_a_query(
    shared_frontend: Frontend, route: str, jobs_of: JobsOf
) -> None:
    for key in (None, "", "nonsense", shared_frontend.tenant.api_key.upper(), shared_frontend.tenant.api_key + "'"):
        answer = call(shared_frontend.api, route, shared_frontend.tenant_id, headers={"X-API-Key": key})
        assert_unauthenticated(answer)
        assert jobs_of(answer.headers["X-Request-ID"]) == []


@pytest.fixture(scope="module")
def changed(make_frontend: MakeFrontend) -> Changed:
    """The frontend of a tenant after this change of its row in a central table; shared by all tests of the change."""

    @cache
    def change(table: str, assignments: str) -> Frontend:
        frontend = make_frontend()
        frontend.sql(f"UPDATE {{tenants}}.{table} SET {assignments} WHERE tenant_id = @tenant_id")
        return frontend

    return change


@pytest.mark.parametrize("route", ROUTES)
def test_unknown_revoked_and_expired_keys_get_the_same_401_without_a_query(
    shared_frontend: Frontend, changed: Changed, route: str, jobs_of: JobsOf
) -> None:
    unknown = f"{shared_frontend.tenant_id}_api_{'x' * 32}"
    guessed = call(shared_frontend.api, route, shared_frontend.tenant_id, headers={"X-API-Key": unknown})
    assert_unauthenticated(guessed)
    assert jobs_of(guessed.headers["X-Request-ID"]) == []
    for change in ("expires_at = CURRENT_TIMESTAMP()", "is_active = FALSE"):
        frontend = changed("tenant_api_keys", change)
        assert_unauthenticated(call(frontend.api, route, frontend.tenant_id))


@pytest.mark.parametrize("route", ROUTES)
def test_tenants_that_are_not_live_get_403_with_the_reason(changed: Changed, route: str) -> None:
    def refused_after(table: str, change: str) -> Json:
        frontend = changed(table, change)
        answer = call(frontend.api, route, frontend.tenant_id)
        assert answer.status_code == 403
        return dict(answer.json())

    ended = refused_after("tenant_subscriptions", "ends_at = CURRENT_TIMESTAMP()")
    assert ended["detail"] == "The subscription is not live."
    cancelled = refused_after("tenant_subscriptions", "status = 'CANCELLED'")
    assert cancelled["subscription_status"] == "CANCELLED"
    suspended = refused_after("tenant_profiles", "status = 'SUSPENDED'")
    assert suspended["tenant_status"] == "SUSPENDED"


@pytest.mark.parametrize("route", ROUTES)
def test_other_methods_are_405_and_preflight_names_the_right_ones(shared_frontend: Frontend, route: str) -> None:
    method, path = route.split(" ")
    url = filled(path, shared_frontend.tenant_id)
    refused = shared_frontend.api.request("TRACE", url)
    assert refused.status_code == 405
    assert method in refused.headers["Allow"].split(", ")
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": method, "X-API-Key": None}
    preflight = shared_frontend.api.request("OPTIONS", url, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    assert "X-API-Key" in preflight.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("route", POSTS)
def test_bodies_of_another_type_size_or_form_are_refused(shared_frontend: Frontend, route: str) -> None:
    url = filled(route.split(" ")[1], shared_frontend.tenant_id)

    def status(body: bytes, content_type: str = "application/json") -> int:
        return shared_frontend.api.request("POST", url, data=body, headers={"Content-Type": content_type}).status_code

    assert status(b"a=1", "application/x-www-form-urlencoded") == 415
    assert status(b" " * (256 * 1024 + 1)) == 413
    assert [status(body) for body in (b"{", b"[]", b'"\xff"', b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}')] == [
        400
    ] * 6


def test_user_id_that_is_too_long_is_refused(shared_frontend: Frontend) -> None:
    assert shared_frontend.store(user_id="x" * 129).status_code == 400
    assert len(shared_frontend.central("tenant_cloud_credentials")) == 1


def test_token_uri_of_a_key_is_never_called(shared_frontend: Frontend) -> None:
    key = shared_frontend.tenant.gcp_key | {"token_uri": "http://169.254.169.254/computeMetadata/v1/token"}
    answer = shared_frontend.store(shared_frontend.gcp_body(key=key))
    assert refused_fields(answer) == ["credentials.service_account_json.token_uri"]


def test_no_secret_appears_in_any_answer_log_or_table(frontend: Frontend, cloud: Devcloud) -> None:
    aws_secret, azure_secret = f"aws-{uuid.uuid4().hex}", f"azure-{uuid.uuid4().hex}"
    bodies = [
        frontend.gcp_body(),
        {"provider": "AWS", "credentials": {
            "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": aws_secret, "region": "us-east-1",
            "bucket": "acme",
        }},
        {"provider": "AZURE", "credentials": {
            "tenant_id": str(uuid.uuid4()), "client_id": str(uuid.uuid4()), "client_secret": azure_secret,
            "storage_account": "acmecosts", "container": "exports",
        }},
    ]  # fmt: skip
    answers = [frontend.store(body) for body in bodies]
    assert [answer.status_code for answer in answers] == [201] * 3
    answers += [frontend.store(spoiled(body)) for body in bodies]
    assert [answer.status_code for answer in answers[3:]] == [400] * 3
    answers += [frontend.api.get(frontend.credentials_path), frontend.run(), frontend.api.get(frontend.runs_path)]
    secret_lines = [line for line in frontend.tenant.gcp_key["private_key"].splitlines() if len(line) == 64]
    secrets = [aws_secret, azure_secret, secret_lines[1], frontend.tenant.api_key]
    logs = "".join(path.read_text() for path in Path(cloud.state.path, "logs").glob("*.log"))
    assert logs.count("credential stored") >= 3
    seen = logs + "".join(answer.text for answer in answers)
    seen += json.dumps(cloud.bigquery.jobs(), default=str)
    for table in ("tenant_cloud_credentials", "pipeline_execution_queue", "tenant_api_keys"):
        seen += repr(frontend.central(table))
    for table in frontend.own_tables():
        seen += repr(frontend.own(table))
    assert [secret for secret in secrets if secret in seen] == []


def spoiled(body: Json) -> Json:
    """The body with an unknown field, so that it is refused."""
    return {"provider": body["provider"], "credentials": body["credentials"] | {"surprise": 1}}
