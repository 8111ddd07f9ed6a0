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
    "operator": (),
}
HOME: dict[Kind, str] = {"visitor": "/console/login", "tenant": "/console/costs", "operator": "/console/login"}
