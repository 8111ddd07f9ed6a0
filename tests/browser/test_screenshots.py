"""Takes the pictures of the documents from the demo's own data, and checks that they show what the API answers.

The pictures are in build/screenshots. `make screenshots` copies them to docs/images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import requests
from rich.console import Console

from devcloud.demo.frontend import Frontend
from devcloud.demo.story import ACTORS, FIRST, LAST, tell
from devcloud.onboarding import add_api_key
from devcloud.server import Devcloud
from tests.support.chromium import ROOT, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.judge, pytest.mark.timeout(600)]
PICTURES = ROOT / "build" / "screenshots"
MOST_BYTES = 120_000
COSTS = f"/console/costs?period=custom&from={FIRST}&to={LAST}&group_by=provider"
CLOUDS = {"Google Cloud", "AWS", "Microsoft"}
FINALITY = [
    ["AWS", "17 Nov 2025", "31 Oct 2025"],
    ["Google Cloud", "17 Nov 2025", "17 Nov 2025"],
    ["Microsoft", "17 Nov 2025", "17 Nov 2025"],
]
# The figures that the chart has, by the cloud and in the order of the days.
DRAWN = """Object.fromEntries(
    Chart.getChart(document.querySelector("canvas")).data.datasets.map((one) => [one.label, one.data]))"""
TABLE = """[...document.querySelectorAll("[data-table=days] tbody tr")].map((row) =>
    [row.querySelector("time").dateTime, ...[...row.querySelectorAll("data")].map((cell) => cell.value)])"""
# How many pixels of the canvas have the colour of each entry of the legend.
PAINTED = """() => {
    const canvas = document.querySelector("canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const counts = {};
    for (let at = 0; at < pixels.length; at += 4) {
        const colour = "#" + [...pixels.slice(at, at + 3)].map((part) => part.toString(16).padStart(2, "0")).join("");
        counts[colour] = (counts[colour] ?? 0) + 1;
    }
    const entries = [...document.querySelectorAll("[data-legend] li")];
    return Object.fromEntries(entries.map((entry) =>
        [entry.textContent, counts[entry.querySelector("rect").getAttribute("fill").toLowerCase()] ?? 0]));
}"""


@dataclass
class Opened:
    """A logged-in page of the demo's tenant, and the errors that its console showed."""

    page: Page
    address: str
    errors: list[str]

    def open(self, path: str) -> None:
        """Open a page of the console."""
        self.page.goto(self.address + path)

    def take(self, name: str) -> None:
        """Take a picture of what the window shows. It must be small enough for a document."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        assert len(self.page.screenshot(path=PICTURES / name)) < MOST_BYTES


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    """The tenant of the demo that has bills of three clouds, after the demo."""
    actor, quiet = ACTORS[0], Console(quiet=True)
    with Devcloud(tmp_path_factory.mktemp("demo")) as cloud, cloud.clients() as clients:
        tell(cloud, quiet, stays=True)
        api_key = add_api_key(clients.bigquery(), actor.tenant_id).api_key
        yield Frontend(cloud.ready["gateway"], actor.tenant_id, api_key, actor.user_id)


@pytest.fixture(params=[("light", 1280, 900), ("dark", 390, 844)], ids=["desktop", "phone"])
def opened(request: pytest.FixtureRequest, browser: Browser, frontend: Frontend) -> Iterator[Opened]:
    scheme, width, height = request.param
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    errors: list[str] = []
    page = log_in(context, frontend.gateway, frontend.api_key)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Opened(page, frontend.gateway, errors)
    context.close()


def costs_by_cloud(frontend: Frontend) -> dict[str, dict[str, Decimal]]:
    """What the API answers: the costs of each cloud by day."""
    query = {"from": str(FIRST), "to": str(LAST), "granularity": "day", "group_by": "provider"}
    address = f"{frontend.gateway}/api/v1/costs/{frontend.tenant_id}"
    answer = requests.get(address, params=query, headers={"X-API-Key": frontend.api_key}, timeout=60)
    (block,) = answer.json()["currencies"]
    return {
        group["name"]: {day["period"]: Decimal(day["cost"]) for day in group["periods"]} for group in block["groups"]
    }


def test_the_chart_of_three_clouds_and_its_table_show_what_the_api_answers(
    opened: Opened, frontend: Frontend, request: pytest.FixtureRequest
) -> None:
    opened.open(COSTS)
    costs = costs_by_cloud(frontend)
    assert costs.keys() == CLOUDS
    painted = opened.page.evaluate(PAINTED)
    assert painted.keys() == CLOUDS
    assert min(painted.values()) > 500, painted
    assert opened.page.evaluate(DRAWN) == {
        cloud: [float(cost) for cost in days.values()] for cloud, days in costs.items()
    }
    titles = opened.page.locator("[data-table=days] thead th").all_text_contents()
    rows = {day: [Decimal(figure) for figure in figures] for day, *figures in opened.page.evaluate(TABLE)}
    assert rows == {
        day: [*(costs[cloud][day] for cloud in titles[1:-1]), sum(days[day] for days in costs.values())]
        for day in costs["AWS"]
    }
    if request.node.callspec.id == "phone":  # the chart is below the first screen
        opened.page.locator("[data-chart]").evaluate("chart => chart.parentElement.scrollIntoView()")
        opened.take("console-costs-phone-dark.png")
    else:
        # Nothing is final before it is there.
        finality = opened.page.locator("[data-table=finality] tbody tr").all_inner_texts()
        assert [row.split("\t") for row in finality] == FINALITY
        opened.take("console-costs.png")
    assert opened.errors == []


@pytest.mark.parametrize("opened", [("light", 1280, 900)], ids=["desktop"], indirect=True)
def test_a_run_shows_its_steps_on_one_line_of_time(opened: Opened) -> None:
    opened.open("/console/runs?pipeline_id=aws-cost-billing")
    opened.page.locator("tbody a").first.click()
    steps = opened.page.locator("[data-table=steps] tbody tr")
    assert [name.split()[0] for name in steps.all_inner_texts()] == ["extract", "focus", "checks", "publish"]
    assert opened.page.locator("h1").inner_text().split() == ["aws-cost-billing", "Completed"]
    opened.take("console-run.png")
    assert opened.errors == []
