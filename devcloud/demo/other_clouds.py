"""The demo's bills of AWS and Azure, and the table with the costs of all three clouds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from devcloud.demo import pages
from devcloud.demo.all_clouds_table import all_clouds_table, until_line
from devcloud.demo.frontend import DemoError, Frontend, Json
from devcloud.demo.ledger import Ledger
from devcloud.seed_billing.deliveries import Delivered, deliver_aws, deliver_azure
from shared.domain.costs import final_until

_CLOUDS = {"aws/cost/billing": "AWS", "azure/cost/billing": "Microsoft"}  # FOCUS's ProviderName


@dataclass(frozen=True)
class OtherClouds:
    """The bills by the template that loads them."""

    frontend: Frontend
    bills: Mapping[str, Delivered]

    def store_credentials(self) -> list[Json]:
        """Store the credentials of each cloud; returns the answers by cloud."""
        return [self.frontend.store_credentials(bill.credentials) for bill in self.bills.values()]

    def start(self) -> dict[str, Json]:
        """Start a run for each cloud; returns the answers of the API."""
        return {template: self.frontend.run(template, {}) for template in self.bills}

    def tell(self, started: Mapping[str, Json], console: Console, ledger: Ledger) -> None:
        """Wait for the runs, and compare the published costs with the sums of the bills."""
        for answer in started.values():
            run = self.frontend.run_until_ended(answer["pipeline_logging_id"])
            console.print("   ", end="")
            pages.run_line(console, run)
            if run["status"] != "COMPLETED":
                raise DemoError(f"the run ended as {run['status']}: {run['error_class']}: {run['error_message']}")
        billed = ledger.billed_by_period(self.frontend.tenant_id)
        for template, bill in self.bills.items():
            truth = {period: Decimal(total) for period, total in bill.truth["billing_periods"].items()}
            found = billed.get(_CLOUDS[template], {})
            if found != truth:
                raise DemoError(f"{template} published {found}, the bill says {truth}")
            sums = ", ".join(f"{period} {total:f}" for period, total in found.items())
            console.print(f"   {_CLOUDS[template]} bills by month: {sums}: equal to the last digit")


def deliver_bills(state_dir: Path, name: str, seed: int, frontend: Frontend, days: Sequence[date]) -> OtherClouds:
    """Deliver a sample bill of AWS and one of Azure for these days."""
    bills = {
        "aws/cost/billing": deliver_aws(state_dir, name, seed, days),
        "azure/cost/billing": deliver_azure(state_dir, name, seed, days),
    }
    return OtherClouds(frontend, bills)


def show_all_clouds(ledger: Ledger, frontend: Frontend, days: Sequence[date], console: Console) -> None:
    """Print the costs of all clouds by category and day, and the days until which they are final."""
    costs = ledger.costs_of_all_clouds(frontend.tenant_id, days[0], days[-1])
    console.print(all_clouds_table(costs, days, "USD"))
    shown = frontend.costs(days[0], days[-1])
    for cloud, through in sorted(shown["data_through"].items()):
        final = final_until(through, shown["final_through"][cloud])
        console.print(until_line(cloud, date.fromisoformat(through), date.fromisoformat(final) if final else None))
