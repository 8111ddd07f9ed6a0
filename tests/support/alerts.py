"""A tenant that watches its costs: its rules by the API, its charges, and the tasks as Cloud Tasks delivers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from devcloud.clients import warehouse_of
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.support.frontend import Frontend
from tests.support.tenant_rows import charge, load

Json = dict[str, Any]
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
BUDGET: Json = {"amount": "100", "currency": "USD", "thresholds": [50, 80, 100]}


def watcher_of(frontend: Frontend) -> Watcher:
    """A new tenant's watcher: it has a dataset with an empty focus_cost."""
    frontend.store_keyless()
    watcher = Watcher(frontend)
    watcher.make_costs()
    return watcher


@dataclass(frozen=True)
class Watcher:
    """A tenant and its rules."""

    frontend: Frontend

    @property
    def path(self) -> str:
        """The path of its alerts."""
        return f"/api/v1/alerts/{self.frontend.tenant_id}"

    def put(self, rule: str, body: Json) -> requests.Response:
        """PUT a rule."""
        return self.frontend.api.request("PUT", f"{self.path}/{rule}", json=body)

    def set(self, rule: str, body: Json) -> Json:
        """Set a rule that is valid; return the answer."""
        answer = self.put(rule, body)
        assert answer.status_code == 200, answer.text
        content: Json = answer.json()
        return content

    def show(self) -> Json:
        """GET the rules and alerts."""
        answer = self.frontend.api.get(self.path)
        assert answer.status_code == 200, answer.text
        content: Json = answer.json()
        return content

    def make_costs(self) -> None:
        """Create an empty focus_cost, as the first publish does."""
        table = get_table("tenant_dataset", "focus_cost")
        make_table(warehouse_of(self.frontend.client), self.frontend.tenant_id, table)

    def spend(self, cost: str, **columns: Any) -> None:
        """Add a charge of yesterday to focus_cost."""
        row = charge(YESTERDAY.isoformat(), BilledCost=cost, **columns)
        load(self.frontend.client, f"{self.frontend.tenant_id}.focus_cost", [row])

    def evaluate(self) -> str:
        """Evaluate the rules as Cloud Tasks does after a publish; return the outcome."""
        answer = self.call("evaluate_alerts", "evaluate", {"tenant_id": self.frontend.tenant_id})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    def deliver(self, message_id: str) -> requests.Response:
        """Send a message as Cloud Tasks does."""
        body = {"tenant_id": self.frontend.tenant_id, "message_id": message_id}
        return self.call("send_alerts", "send", body)

    def call(self, function: str, route: str, body: Json) -> requests.Response:
        """POST an internal route of alerts as Cloud Tasks does."""
        cloud = self.frontend.tenant.cloud
        account = f"cvg-tasks-invoker@{cloud.project}.iam.gserviceaccount.com"
        url = f"{cloud.ready['gateway']}/{function}"
        headers = {"Authorization": f"Bearer {cloud.identity.id_token(account, url)}"}
        return requests.post(f"{url}/api/v1/internal/alerts/{route}", json=body, headers=headers, timeout=90)

    def events(self, kind: str) -> list[Json]:
        """The tenant's events of a kind, oldest first."""
        found = self.frontend.central("alert_events")
        return sorted(
            (row for row in found if row["kind"] == kind), key=lambda row: (row["occurred_at"], row["number"])
        )
