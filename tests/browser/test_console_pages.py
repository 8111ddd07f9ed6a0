"""The console's pages in Chromium: nothing runs that should not, nothing leaves the origin, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from devcloud.server import Devcloud
from tests.conftest import MakeFrontend
from tests.support.chromium import ENVIRONMENT, log_in
from tests.support.frontend import Frontend
from tests.support.planted_runs import STEPS, plant_check, plant_run
from tests.support.schedules import Schedules

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.judge, pytest.mark.timeout(600)]
CANARY = "<script>window.canary = true</script><img src=x onerror='window.canary = true'>"
AXE = ENVIRONMENT / "node_modules" / "axe-core" / "axe.min.js"
NAVIGATION_IS_IN_SIGHT = """[...document.querySelectorAll("nav a")].every(
    (link) => link.getBoundingClientRect().left >= 0 && link.getBoundingClientRect().right <= innerWidth)"""
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def owner(make_connected: MakeFrontend) -> Frontend:
    """A tenant with runs and schedules whose texts are all hostile."""
    frontend = make_connected()
    plant_run(frontend, steps=STEPS, dates=["2025-11-16"], rows_published=604, warnings=[CANARY])
    failed = plant_run(
        frontend,
        steps=(STEPS[0] | {"step_type": CANARY}, STEPS[1] | {"status": "FAILED", "error_message": CANARY}),
        status="FAILED", error_class=CANARY, error_message=CANARY, user_id=CANARY, parameters={CANARY: CANARY},
    )  # fmt: skip
    found = {"observed": CANARY, "expected": CANARY, "failed_rows": 1, "sample": [{CANARY: CANARY}]}
    plant_check(frontend, failed, check_id="canary", table_name=CANARY, passed=False, **found)
    schedules = Schedules(frontend)
    assert schedules.api.post(schedules.path, schedules.body()).status_code == 201
    frontend.sql(
        "UPDATE {tenants}.tenant_pipeline_configs SET parameters = JSON_OBJECT(@canary, @canary) "
        "WHERE tenant_id = @tenant_id",
        canary=CANARY,
    )
    return frontend


@pytest.fixture(scope="module")
def paths(owner: Frontend) -> list[str]:
    """Every page of the tenant."""
    runs = [f"/console/runs/{run_id}" for run_id in owner.list_run_ids()]
    pages = ("costs/latest", "changes", "runs", "schedules", "connection", "alerts")
    return [*(f"/console/{page}" for page in pages), *runs]


@pytest.fixture(params=[("light", "desktop"), ("dark", "phone")], ids=" ".join)
def page(
    request: pytest.FixtureRequest, browser: Browser, cloud: Devcloud, owner: Frontend
) -> Iterator[tuple[Page, list[str]]]:
    """A logged-in page, and what it did that it should not: errors, and requests to other origins."""
    scheme, size = request.param
    context = browser.new_context(color_scheme=scheme, viewport=SIZES[size])
    faults: list[str] = []
    page = log_in(context, cloud.ready["gateway"], owner.tenant.api_key)
    gateway = cloud.ready["gateway"]
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith((gateway, "data:")) else faults.append(sent.url))
    yield page, faults
    context.close()


def violations(page: Page) -> list[Any]:
    """What axe finds, each with the first element."""
    script = AXE.read_text(encoding="utf-8")
    run = "axe.run().then((found) => found.violations.map((each) => [each.id, each.nodes[0].html]))"
    found: list[Any] = page.evaluate(f"{script};{run}")
    return found


def test_pages_are_accessible_fit_and_run_nothing_hostile(
    page: tuple[Page, list[str]], paths: list[str], cloud: Devcloud
) -> None:
    opened, faults = page
    for path in paths:
        answer = opened.goto(cloud.ready["gateway"] + path)
        assert answer is not None
        assert answer.status == 200
        assert violations(opened) == [], path
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert opened.evaluate(NAVIGATION_IS_IN_SIGHT), path
        assert opened.evaluate("window.canary") is None, path
    assert faults == []


def test_a_keyboard_reaches_and_pauses_a_schedule(browser: Browser, cloud: Devcloud, connected: Frontend) -> None:
    schedules = Schedules(connected)
    assert schedules.api.post(schedules.path, schedules.body()).status_code == 201
    context = browser.new_context()
    page = log_in(context, cloud.ready["gateway"], connected.tenant.api_key)
    page.goto(f"{cloud.ready['gateway']}/console/schedules")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Pause":
            break
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Resume").wait_for()
    assert schedules.api.get(schedules.path).json()["pipelines"][0]["is_active"] is False
    context.close()


def test_pages_are_read_without_javascript(
    browser: Browser, cloud: Devcloud, owner: Frontend, paths: list[str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = log_in(context, cloud.ready["gateway"], owner.tenant.api_key)
    for path in paths:
        page.goto(cloud.ready["gateway"] + path)
        assert page.locator("h1").count() == 1, path
    assert page.locator("[data-table=steps] tbody tr").count() in (2, 4)
    context.close()
