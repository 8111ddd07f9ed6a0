"""A queue in memory that applies decisions as the SQL does, with its guards, and simulates executors."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from shared.domain.dispatching.changes import Change, Decision
from shared.domain.dispatching.dispatch import DispatchPolicy, decide
from shared.domain.dispatching.next_starts import aged_order
from shared.domain.dispatching.queue_state import PROCESSING, QUEUED, QueueItem, QueueState, RunSign, TenantLimits

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = DispatchPolicy(lease_length=timedelta(minutes=5), max_unclaimed=8)
FRONT, UNEXAMINED = 3, 16


@dataclass
class World:
    """A platform: its tables, a clock, and the observations of its whole history."""

    limits: dict[str, tuple[int, int]]
    now: datetime = START
    epoch: int = 0
    items: dict[str, QueueItem] = field(default_factory=dict)
    signs: list[RunSign] = field(default_factory=list)
    started: Counter[tuple[str, date]] = field(default_factory=Counter)
    last_admitted: dict[str, datetime] = field(default_factory=dict)
    due_today: dict[str, int] = field(default_factory=dict)
    ended: dict[str, Change] = field(default_factory=dict)
    tasks: set[tuple[str, str | None, int]] = field(default_factory=set)
    rng: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - a repeatable history
    ids: itertools.count[int] = field(default_factory=itertools.count)

    def accept(self, tenant_id: str, pipeline_id: str, *, manual: bool = False, **columns: object) -> QueueItem:
        """Append an item as run_pipeline or the trigger does."""
        run_id = f"run-{next(self.ids)}"
        item = QueueItem(
            run_id=run_id, tenant_id=tenant_id, pipeline_id=pipeline_id, pipeline_logging_id=run_id,
            state=QUEUED, priority=10 if manual else 5, scheduled_time=self.now, available_at=self.now,
            added_at=self.now, attempt=0, hop=0, max_retries=2, config_id=None if manual else "config",
        )  # fmt: skip
        self.items[run_id] = replace(item, **columns)  # type: ignore[arg-type]
        return self.items[run_id]

    def report(self, item: QueueItem, kind: str, **columns: object) -> None:
        """Append an event under the lease that `item` shows."""
        sign = RunSign(item.run_id, kind, self.now, item.lease_id, hop=item.hop)
        self.signs.append(replace(sign, **columns))  # type: ignore[arg-type]

    def read(self) -> QueueState:
        """The result of dispatch_read.sql: live items, the front of each queue, and cancelled items."""
        ready = [item for item in self.items.values() if item.state == QUEUED and item.available_at <= self.now]
        cancels = {sign.run_id for sign in self.signs if sign.kind == "CANCEL_REQUESTED"}
        front: dict[str, QueueItem] = {}
        unexamined = sorted(item.run_id for item in ready if item.wait_reason is None)[:UNEXAMINED]
        keys, ranks = set(), Counter[tuple[str, bool]]()
        for item in sorted(ready, key=lambda item: aged_order(item, self.now)):
            rank = item.tenant_id, item.quota_date is None
            ranks[rank] += 1
            if ranks[rank] <= FRONT or item.key not in keys or item.run_id in unexamined:
                front[item.run_id] = item
            keys.add(item.key)
        chosen = [
            item for item in self.items.values()
            if item.state == PROCESSING or item.run_id in front or item.run_id in cancels
        ]  # fmt: skip
        later = [item.available_at for item in self.items.values() if item.available_at > self.now]
        return QueueState(
            epoch=self.epoch, now=self.now, items=tuple(chosen),
            signs=tuple(sign for sign in self.signs if sign.run_id in {item.run_id for item in chosen}),
            tenants=tuple(
                TenantLimits(
                    tenant_id, True, daily, concurrent, self.started[tenant_id, self.now.date()],
                    self.last_admitted.get(tenant_id), self.due_today.get(tenant_id, 0),
                )
                for tenant_id, (daily, concurrent) in self.limits.items()
            ),
            queued_count=sum(item.state == QUEUED for item in self.items.values()),
            next_available_at=min(later, default=None),
        )  # fmt: skip

    def decide(self, state: QueueState, *, max_runs: int = 2_000, policy: DispatchPolicy = POLICY) -> Decision:
        """The decision about what was read, with this world's ids and random numbers."""
        return decide(state, policy=policy, max_runs=max_runs, rng=self.rng, new_id=lambda: f"lease-{next(self.ids)}")

    def apply(self, state: QueueState, decision: Decision) -> bool:
        """Apply the transaction, or nothing at all if the epoch or an item differs from what was read."""
        if state.epoch != self.epoch:
            return False
        if any(self.items.get(change.before.run_id) != change.before for change in decision.changes):
            return False
        self.epoch += 1
        for change in decision.changes:
            self._apply(change, state.now)
        return True

    def _apply(self, change: Change, now: datetime) -> None:
        run_id = change.before.run_id
        if change.after is None:
            del self.items[run_id]
            assert run_id not in self.ended, "a run ends once"
            self.ended[run_id] = change
            return
        self.items[run_id] = change.after
        if change.action == "ADMIT":
            self.last_admitted[change.before.tenant_id] = now
            if change.before.quota_date is None:
                assert change.after.quota_date is not None
                self.started[change.before.tenant_id, change.after.quota_date] += 1
        if change.action in {"ADMIT", "RENEW"}:
            self.tasks.add((run_id, change.after.lease_id, change.after.hop))

    def dispatch(self, *, max_runs: int = 2_000, policy: DispatchPolicy = POLICY) -> Decision:
        """One whole call of process_queue."""
        state = self.read()
        decision = self.decide(state, max_runs=max_runs, policy=policy)
        assert self.apply(state, decision)
        return decision

    def live(self, tenant_id: str | None = None) -> list[QueueItem]:
        """Items under a lease."""
        items = (item for item in self.items.values() if item.state == PROCESSING)
        return [item for item in items if tenant_id in {None, item.tenant_id}]

    def check_invariants(self) -> None:
        """Assert I1, I2 and I7 for the present state."""
        for (tenant_id, _), count in self.started.items():
            assert count <= self.limits[tenant_id][0], "I1: more runs started than the daily limit"
        for tenant_id, (_, concurrent) in self.limits.items():
            assert len(self.live(tenant_id)) <= concurrent, "I2: more live leases than the concurrent limit"
        keys = Counter(item.key for item in self.live())
        assert all(count == 1 for count in keys.values()), "I7: two live runs of one pipeline and source"
        leases = [item.lease_id for item in self.live()]
        assert len(leases) == len(set(leases)), "a lease has one run"


def actions(decision: Decision) -> list[str]:
    """The decisions about each item, in order."""
    return [change.action for change in decision.changes]


def start(world: World, tenant: str = "acme", pipeline: str = "a", **columns: object) -> QueueItem:
    """Admit a new run and claim it."""
    run_id = world.accept(tenant, pipeline, **columns).run_id  # type: ignore[arg-type]
    world.dispatch()
    world.report(world.items[run_id], "CLAIMED")
    return world.items[run_id]
