"""The proxy that forwards nothing, called as Google's libraries call it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request

from devcloud.environment import closed_way_out, function_environment
from devcloud.server import Devcloud
from devcloud.tls import IAM_CREDENTIALS

READER = f"https://{IAM_CREDENTIALS}/v1/projects/-/serviceAccounts/reader@acme-gcp.iam.gserviceaccount.com"
LOOK_UP = f"{READER}/allowedLocations"
Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(cloud: Devcloud, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send a request through google-auth in a function's environment, and return the answer's status and text."""
    for name, value in closed_way_out(cloud.cloud).items():
        monkeypatch.setenv(name, value)
    token = cloud.identity.access_token("reader@acme-gcp.iam.gserviceaccount.com")

    def ask(url: str, method: str = "GET", authorization: str = f"Bearer {token}") -> tuple[int, str]:
        answer = Request()(url, method, headers={"Authorization": authorization})
        return answer.status, answer.data.decode()

    return ask


def test_google_auths_question_for_allowed_locations_is_refused_as_in_a_deployment(ask: Ask) -> None:
    status, text = ask(LOOK_UP)
    assert (status, json.loads(text)["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "iam.serviceAccounts.get" in text


def test_a_token_of_another_cloud_is_refused(ask: Ask) -> None:
    assert ask(LOOK_UP, authorization="Bearer nonsense")[0] == 401


def test_a_method_that_is_not_implemented_is_named(ask: Ask) -> None:
    status, text = ask(f"{READER}:generateAccessToken", method="POST")
    assert status == 501
    assert "devcloud does not implement POST /v1/projects/-/serviceAccounts/reader@" in text


def test_no_other_machine_is_reached_and_the_refusal_names_it(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    assert ask("http://metadata.google.internal/") == (403, "devcloud lets nothing out: metadata.google.internal\n")
    caplog.set_level(logging.CRITICAL, "urllib3")  # it logs each of its retries
    with pytest.raises(TransportError, match=r"devcloud lets nothing out: example\.com"):
        ask("https://example.com/")


def test_loopback_is_reached_without_the_proxy(ask: Ask, cloud: Devcloud) -> None:
    assert ask(f"{cloud.ready['gateway']}/_devcloud/health")[0] == 200


def test_every_function_gets_the_proxy_in_its_environment(cloud: Devcloud) -> None:
    for name in cloud.platform.functions:
        given = function_environment(cloud.cloud, name, key_file=cloud.cloud.ca_path)
        assert closed_way_out(cloud.cloud).items() <= given.items()
