"""Resets the tenants' daily usage and archives finished days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse


@dataclass(frozen=True)
class UsageReset:
    """The result of a reset: the number of reset rows and of pruned rows."""

    records_updated: int
    records_archived: int
    executed_at: datetime


@dataclass(frozen=True)
class UsageQuotas:
    """Changes tenant_usage_quotas and tenant_usage_history."""

    warehouse: Warehouse

    def reset(self, *, kept_days: int) -> UsageReset:
        """Archive and reset finished days, prune those older than `kept_days`. One job, or TransactionAborted."""
        job = self.warehouse.change(statement("usage", "reset_usage"), {"kept_days": kept_days})
        (row,) = self.warehouse.rows_of(job)
        return UsageReset(**row)
