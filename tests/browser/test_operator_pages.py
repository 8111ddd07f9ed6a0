"""The operators' pages in Chromium: axe finds nothing, they fit a phone, and a hostile tenant runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devcloud.server import Devcloud
from tests.conftest import MakeFrontend
from tests.support.chromium import ENVIRONMENT
from tests.support.planted_runs import STEPS, plant_run
from tests.support.run_rows import count_starts_today

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.judge, pytest.mark.timeout(600)]
AXE = ENVIRONMENT / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = "axe.run().then((found) => found.violations.map((each) => [each.id, each.nodes[0].html]))"
CANARY = "<script>window.canary = true</script><img src=x onerror='window.canary = true'>"


@pytest.fixture(scope="module")
def paths(make_connected: MakeFrontend) -> list[str]:
    """Every page of an operator, with a tenant that is near its limit and whose texts are hostile."""
    frontend = make_connected()
    frontend.sql("UPDATE {tenants}.tenant_profiles SET company_name = @name WHERE tenant_id = @tenant_id", name=CANARY)
    count_starts_today(frontend, 24)
    run_id = plant_run(frontend, steps=STEPS, status="FAILED", error_class=CANARY, error_message=CANARY)
    frontend.start()
    runs = f"/console/operator/tenants/{frontend.tenant_id}/runs"
    return ["/console/operator", "/console/operator/tenants", runs, f"{runs}/{run_id}"]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_operators_pages_are_accessible_fit_and_run_nothing_hostile(
    browser: Browser, cloud: Devcloud, paths: list[str], scheme: str, width: int
) -> None:
    gateway, script = cloud.ready["gateway"], AXE.read_text(encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844})
    page = context.new_page()
    page.goto(f"{gateway}/console/operator/login")
    assert page.evaluate(f"{script};{RUN_AXE}") == []
    page.keyboard.type(cloud.ready["admin_key"])  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/operator")
    for path in paths:
        answer = page.goto(gateway + path)
        assert answer is not None
        assert answer.status == 200
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate(f"{script};{RUN_AXE}") == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate("window.canary") is None, path
    context.close()
