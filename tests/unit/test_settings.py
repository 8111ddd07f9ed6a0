"""Settings that follow a rule."""

import base64
import json
import time

import pytest

from shared import bootstrap
from shared.configuration.settings import Settings, get_settings
from shared.errors import Unauthenticated

AUDIENCE = "https://process-queue-123456789012.us-central1.run.app"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PROJECT_ID", "acme-costs")
    monkeypatch.setenv("BIGQUERY_LOCATION", "US")
    monkeypatch.setenv("K_SERVICE", "process-queue")
    get_settings.cache_clear()
    bootstrap.oidc_tokens.cache_clear()
    return monkeypatch


def token_without_signature() -> str:
    claims = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": "somebody@acme-costs.iam.gserviceaccount.com",
        "email_verified": True,
        "iat": time.time() - 1,
        "exp": time.time() + 3000,
    }
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}.SIGNATURE_REMOVED_BY_GOOGLE"


def test_a_services_name_is_the_functions_with_hyphens(environment: pytest.MonkeyPatch) -> None:
    assert Settings().function_name == "process_queue"


def test_a_removed_signature_is_accepted_behind_cloud_runs_check(environment: pytest.MonkeyPatch) -> None:
    claims = bootstrap.oidc_tokens().verified_claims(token_without_signature(), audience=AUDIENCE)
    assert claims["email"].startswith("somebody@")


def test_a_removed_signature_is_refused_if_the_function_is_public(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ADMIN_KEY_INGRESS", "true")
    with pytest.raises(Unauthenticated):
        bootstrap.oidc_tokens().verified_claims(token_without_signature(), audience=AUDIENCE)
