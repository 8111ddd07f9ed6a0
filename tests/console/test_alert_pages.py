"""Alerts: the rules, the month as a bar, the last alerts, and the forms that change them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from devcloud.server import Devcloud
from tests.conftest import MakeFrontend
from tests.console.conftest import CANARY, OpenBrowser
from tests.support.alerts import YESTERDAY, Watcher, watcher_of
from tests.support.browser import Browser
from tests.support.webhook_receiver import receiver

PAGE = "/console/alerts"
BUDGET = {"amount": "100", "currency": "USD", "metric": "billed", "filter": "", "thresholds": "80, 50 100"}


@pytest.fixture(scope="module")
def watcher(make_frontend: MakeFrontend) -> Iterator[Watcher]:
    """A tenant that has spent 85 dollars and 7 euros, on a service with a hostile name."""
    frontend = make_frontend()
    watcher = watcher_of(frontend)
    watcher.spend("85", ServiceName=CANARY, ProviderName=CANARY)
    watcher.spend("7", BillingCurrency="EUR")
    yield watcher
    frontend.api.session.close()


@pytest.fixture
def page(watcher: Watcher, browser: Browser, cloud: Devcloud) -> Iterator[Browser]:
    """A browser in which the tenant has logged in. Messages wait."""
    with cloud.clients() as clients:
        queue = cloud.cloud.queue("send")
        clients.tasks().pause_queue(name=queue)
        yield browser.log_in(watcher.frontend.tenant.api_key)
        clients.tasks().purge_queue(name=queue)
        clients.tasks().resume_queue(name=queue)


def send(browser: Browser, path: str, **fields: str) -> int:
    """Send a form of the page with these fields; return the status of the answer."""
    return browser.post(f"{PAGE}/{path}", browser.form(PAGE) | fields).status_code


def test_rules_are_set_shown_and_removed(watcher: Watcher, page: Browser) -> None:
    empty = page.get(PAGE).text
    assert "There is no budget." in empty
    assert "data-empty" in empty
    assert send(page, "budget", **BUDGET) == 303
    assert send(page, "anomalies", minimum_amount="20", currency="USD", sensitivity="5", filter="provider:AWS") == 303
    watcher.evaluate()
    shown = page.get(PAGE).text
    assert re.findall(r'<data value="([^"]*)" data-spent>85.00</data>', shown) == ["85"]
    assert "<strong data-percent>85 %</strong> used. It alerts at 50 %, 80 %, 100 %." in shown
    assert 'class="part" width="85.00"' in shown
    assert re.findall(r'class="mark" x="([\d.]+)"', shown) == ["49.80", "79.80", "99.80"]
    assert "Not counted, because it is in another currency: 7.00 EUR." in shown
    assert f"{YESTERDAY.isoformat()[:7]} reached 80 % of 100" in shown
    assert "so nobody is told of alerts" in shown
    assert 'value="provider:AWS"' in shown
    assert CANARY not in shown
    assert [send(page, f"{rule}/remove") for rule in ("budget", "budget", "anomalies")] == [303] * 3
    assert "There is no budget." in page.get(PAGE).text


def test_a_webhooks_secret_is_shown_once_and_a_test_says_how_it_went(watcher: Watcher, page: Browser) -> None:
    with receiver(500) as webhook:
        answer = page.post(f"{PAGE}/webhook", page.form(PAGE) | {"url": webhook.url})
        (secret,) = re.findall(r"<p class=\"secret\" data-secret>(whsec_[^<]*)</p>", answer.text)
        assert answer.status_code == 200
        assert send(page, "webhook/test") == 303
        (message_id,) = re.findall(r'data-test="(msg_\w+)"', page.get(PAGE).text)
        assert watcher.deliver(message_id).json() == {"status": "GIVEN_UP"}
        (sent,) = webhook.received
    shown = page.get(PAGE).text
    assert sent.is_signed_with(secret.replace("&#43;", "+"))
    assert "failed</span>" in shown
    assert "The receiver answered with status 500." in shown
    assert secret not in shown
    assert send(page, "webhook/remove") == 303
    assert "data-test" not in page.get(PAGE).text


@pytest.mark.parametrize(
    ("rule", "fields", "problem"),
    [
        ("budget", BUDGET | {"amount": CANARY}, "amount: "),
        ("budget", BUDGET | {"thresholds": "many"}, "thresholds.0: "),
        ("anomalies", {"minimum_amount": "1", "currency": "usd", "sensitivity": "5"}, "currency: must be a currency"),
        ("webhook", {"url": "http://example.com/"}, "url: must begin with https://"),
    ],
)
def test_a_rule_that_is_not_valid_is_told_on_the_page(
    page: Browser, rule: str, fields: dict[str, str], problem: str
) -> None:
    answer = page.post(f"{PAGE}/{rule}", page.form(PAGE) | fields)
    assert answer.status_code == 400
    (told,) = re.findall(r'<p class="notice bad" role="alert">([^<]*)</p>', answer.text)
    assert told.startswith(problem)
    assert CANARY not in answer.text


def test_a_test_without_a_webhook_is_told_on_the_page(page: Browser) -> None:
    answer = page.post(f"{PAGE}/webhook/test", page.form(PAGE))
    assert answer.status_code == 409
    assert "There is no webhook; set one first." in answer.text


@pytest.mark.parametrize("path", ["budget", "webhook", "webhook/test", "budget/remove"])
def test_a_form_without_the_sessions_token_changes_nothing(watcher: Watcher, page: Browser, path: str) -> None:
    assert page.post(f"{PAGE}/{path}", dict(BUDGET)).status_code == 403
    assert watcher.show()["budget"] is None


def test_another_tenant_sees_none_of_it(
    watcher: Watcher, page: Browser, open_browser: OpenBrowser, make_frontend: MakeFrontend
) -> None:
    assert send(page, "budget", **BUDGET) == 303
    other = open_browser().log_in(make_frontend().tenant.api_key)
    assert "There is no budget." in other.get(PAGE).text
    assert send(other, "budget/remove") == 303
    assert watcher.show()["budget"] is not None
    assert send(page, "budget/remove") == 303
