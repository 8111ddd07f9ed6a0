"""Messages: their signature is the standard's, and they are tried a bounded number of times."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from shared.domain.alerts.firing import Fired
from shared.domain.alerts.messages import Message, anomaly_message, message_of_test, new_secret, signed_headers
from shared.domain.alerts.sending import Attempt, Pending, secret_aad

NOW = datetime(2025, 11, 18, 6, tzinfo=UTC)


def pending(*outcomes: str, kind: str = "cost.anomaly") -> Pending:
    return Pending("acme", "msg_1", kind, "{}", outcomes, "https://example.com/", "rule", b"secret")


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    # From the tests of https://github.com/standard-webhooks/standard-webhooks.
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", "test", '{"test": 2432232314}')
    moment = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(message, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", moment=moment)
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_its_bytes_in_base64() -> None:
    assert new_secret(b"0123456789" * 3 + b"01") == "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def test_a_message_has_its_type_its_time_and_its_tenant() -> None:
    content = json.loads(message_of_test("msg_1", tenant_id="acme", moment=NOW).body)
    assert (content["type"], content["timestamp"]) == ("alert.test", "2025-11-18T06:00:00Z")
    assert content["data"]["tenant_id"] == "acme"


def test_of_very_many_anomalies_a_message_has_fifty_and_their_number() -> None:
    fired = [Fired(f"{number}", {"kind": "anomaly", "service": f"{number}"}) for number in range(70)]
    data = json.loads(anomaly_message(fired, tenant_id="acme", moment=NOW).body)["data"]
    assert (data["anomaly_count"], len(data["anomalies"])) == (70, 50)


@pytest.mark.parametrize(
    ("before", "attempt", "outcome"),
    [
        ((), Attempt(204), "DELIVERED"),
        ((), Attempt(500, "x"), "FAILED"),
        ((), Attempt(302, "x"), "FAILED"),
        ((), Attempt(problem="x"), "FAILED"),
        (("FAILED",) * 6, Attempt(500, "x"), "FAILED"),
        (("FAILED",) * 7, Attempt(500, "x"), "GIVEN_UP"),
        (("FAILED",) * 7, Attempt(200), "DELIVERED"),
    ],
)
def test_a_message_is_given_up_after_eight_attempts(before: tuple[str, ...], attempt: Attempt, outcome: str) -> None:
    event = pending(*before).attempted(attempt, moment=NOW)
    assert (event.details["outcome"], event.number) == (outcome, len(before) + 1)


def test_a_test_has_one_attempt() -> None:
    assert pending(kind="alert.test").attempted(Attempt(500, "x"), moment=NOW).details["outcome"] == "GIVEN_UP"


@pytest.mark.parametrize(
    ("outcomes", "is_over"),
    [((), False), (("FAILED",), False), (("FAILED", "DELIVERED"), True), (("GIVEN_UP",), True)],
)
def test_a_message_is_over_when_it_was_delivered_or_given_up(outcomes: tuple[str, ...], *, is_over: bool) -> None:
    assert pending(*outcomes).is_over is is_over


def test_a_secret_is_bound_to_its_tenant_and_its_webhook() -> None:
    bindings = {secret_aad(tenant_id=tenant, rule_id=rule) for tenant in ("acme", "b") for rule in ("1", "2")}
    assert len(bindings) == 4
