"""Lists the pages in the console's navigation."""

from __future__ import annotations

from dataclasses import dataclass

from shared.console.sessions import Kind


@dataclass(frozen=True)
class Item:
    """An entry of the navigation; `icon` is a name of templates/icons.html."""

    path: str
    title: str
    icon: str


NAVIGATION: dict[Kind, tuple[Item, ...]] = {
    "visitor": (),
    "tenant": (
        Item("/console/costs", "Costs", "costs"),
        Item("/console/changes", "What changed", "changes"),
        Item("/console/runs", "Runs", "runs"),
        Item("/console/schedules", "Schedules", "schedules"),
        Item("/console/connection", "Connection", "connection"),
        Item("/console/alerts", "Alerts", "alerts"),
    ),
    "operator": (
        Item("/console/operator", "Overview", "overview"),
        Item("/console/operator/tenants", "Tenants", "tenants"),
    ),
}
HOME: dict[Kind, str] = {"visitor": "/console/login", "tenant": "/console/costs", "operator": "/console/operator"}


def present_item(kind: Kind, path: str) -> Item | None:
    """The entry to which a page belongs, or None."""
    found = [item for item in NAVIGATION[kind] if path == item.path or path.startswith(f"{item.path}/")]
    return max(found, key=lambda item: len(item.path), default=None)
