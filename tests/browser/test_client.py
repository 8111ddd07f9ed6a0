"""The TypeScript client is what openapi-typescript makes of docs/openapi.json, compiles, and works in a browser."""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.platform_config import get_platform
from shared.configuration.tables import get_table
from tests.conftest import MakeFrontend
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load
from tests.support.typescript import CLIENT, MODULES, compile_client, copied_client, generated_schema

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.judge
PUBLIC = [name for name, function in get_platform().functions.items() if function.access == "public"]
PAGE = """<!doctype html><title>A frontend</title>
<script type="importmap">{"imports": {"openapi-fetch": "/openapi-fetch/dist/index.mjs"}}</script>"""


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled client, with its one package and a page."""
    modules = compile_client(copied_client(tmp_path_factory.mktemp("client")))
    (modules / "openapi-fetch").symlink_to(MODULES / "openapi-fetch")
    (modules / "index.html").write_text(PAGE, encoding="utf-8")
    return modules


@pytest.fixture(scope="module")
def page(client: Path, browser: Browser) -> Iterator[Page]:
    """A page of a frontend, served from a port of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(client))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        context = browser.new_context()
        opened = context.new_page()
        opened.goto(f"http://localhost:{server.server_address[1]}/index.html")
        yield opened
        context.close()
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def spender(make_connected: MakeFrontend, bigquery_client: bigquery.Client) -> Frontend:
    """A tenant with costs of two services."""
    frontend = make_connected()
    make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", "focus_cost"))
    charges = [
        charge("2025-11-15", ServiceName="BigQuery", BilledCost="1.25"),
        charge("2025-11-16", ServiceName="Storage", BilledCost="0.000000001"),
    ]
    load(bigquery_client, f"{frontend.tenant_id}.focus_cost", charges)
    return frontend


@pytest.fixture(params=["one address", "an address for each function"])
def address(request: pytest.FixtureRequest, cloud: Devcloud) -> str | dict[str, str]:
    """The gateway's address as it is, or one for each function, as on Google Cloud without a gateway."""
    gateway: str = cloud.ready["gateway"]
    return gateway if request.param == "one address" else {name: f"{gateway}/{name}" for name in PUBLIC}


def test_schema_is_the_generated_one(tmp_path: Path) -> None:
    committed = (CLIENT / "src" / "schema.ts").read_text(encoding="utf-8")
    assert committed == generated_schema(tmp_path), "run `make client`"


def test_package_generates_with_the_same_options() -> None:
    scripts = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))["scripts"]
    options = "openapi.json --default-non-nullable=false --output"
    assert options in scripts["generate"]
    assert options in (CLIENT.parents[1] / "Makefile").read_text(encoding="utf-8")


MISTAKES = {
    "no_such_path": ('"/api/v1/usage/{tenant_id}"', '"/api/v1/usage/{tenant}"'),
    "private_path": ('"/api/v1/usage/{tenant_id}"', '"/api/v1/scheduler/status"'),
    "no_such_field": ("data.remaining_today", "data.left_today"),
    "no_such_value": ('granularity: "total"', 'granularity: "week"'),
    "no_such_body": ("body: {}", 'body: { split: "day" }'),
    "error_ignored": ("if (error) throw new Error(errorOf(error));\n  return data.r", "return data.r"),
}


def test_mistakes_do_not_compile(tmp_path: Path) -> None:
    copy = copied_client(tmp_path)
    text = (copy / "src" / "example.ts").read_text(encoding="utf-8")
    for name, (right, wrong) in MISTAKES.items():
        assert right in text
        (copy / "src" / f"{name}.ts").write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(AssertionError) as found:
        compile_client(copy)
    assert set(re.findall(r"src/(\w+)\.ts", str(found.value))) == MISTAKES.keys()


def example(page: Page, function: str, *arguments: Any) -> Any:
    """Call a function of example.ts in the page."""
    call = "async ([name, given]) => (await import('/example.js'))[name](...given)"
    return page.evaluate(call, [function, list(arguments)])


def test_a_page_of_another_origin_starts_a_run_once(
    page: Page, address: str | dict[str, str], frontend: Frontend
) -> None:
    frontend.store_keyless(billing_export_table=f"{frontend.tenant.project}.billing.export")
    mine = (address, frontend.tenant_id, frontend.tenant.api_key)
    left = example(page, "runsLeft", *mine)
    started = example(page, "startRun", *mine, "the same key")
    again = example(page, "startRun", *mine, "the same key")
    run_id = started["answer"]["pipeline_logging_id"]
    assert again["answer"] == started["answer"]
    assert started["location"] == f"{frontend.runs_path}/{run_id}"
    assert frontend.get_run(run_id)["user_id"] == "example"
    assert example(page, "runsLeft", *mine) == left - 1


def test_a_page_of_another_origin_reads_costs(page: Page, address: str | dict[str, str], spender: Frontend) -> None:
    days = {"from": "2025-11-01", "to": "2025-11-30"}
    costs = example(page, "costsByService", address, spender.tenant_id, spender.tenant.api_key, days)
    groups = [{"name": "BigQuery", "cost": "1.25"}, {"name": "Storage", "cost": "0.000000001"}]
    assert costs == [{"billing_currency": "USD", "groups": groups}]


def test_errors_name_the_bad_field_and_the_bad_key(
    page: Page, address: str | dict[str, str], spender: Frontend
) -> None:
    def error_of(api_key: str, first: str) -> str:
        call = "async (given) => (await import('/example.js')).costsByService(...given).catch((error) => error.message)"
        return str(page.evaluate(call, [address, spender.tenant_id, api_key, {"from": first, "to": "2025-11-30"}]))

    assert error_of(spender.tenant.api_key, "yesterday") == "Bad Request: from: must be a day as YYYY-MM-DD."
    assert error_of("nonsense", "2025-11-01").startswith("Unauthorized: ")
