"""The reference of the HTTP API in Chromium: it shows the whole contract under the console's policy, and only reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devcloud.server import Devcloud
from tests.support.chromium import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.judge, pytest.mark.timeout(300)]


def test_the_page_shows_every_operation_and_needs_no_other_origin(browser: Browser, cloud: Devcloud) -> None:
    contract = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    gateway = cloud.ready["gateway"]
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith((gateway, "data:")) else faults.append(sent.url))
    page.goto(f"{gateway}/")
    page.locator(".opblock").first.wait_for()
    assert page.url == f"{gateway}/console/reference"
    tags = page.locator(".opblock-tag").evaluate_all("tags => tags.map((tag) => tag.dataset.tag)")
    assert sorted(tags) == sorted(tag["name"] for tag in contract["tags"])
    shown = page.locator(".opblock-summary").evaluate_all(
        """all => all.map((one) => [
            one.querySelector(".opblock-summary-method").textContent.toLowerCase(),
            one.querySelector("[data-path]").dataset.path])"""
    )
    methods = ("get", "put", "post", "patch", "delete")
    assert sorted(shown) == sorted(
        [method, path] for path, operations in contract["paths"].items() for method in operations if method in methods
    )
    page.locator(".opblock-summary-control").first.click()
    page.locator(".opblock.is-open .responses-wrapper").wait_for()
    assert page.get_by_role("button", name="Try it out").count() == 0
    assert faults == []
    page.close()
