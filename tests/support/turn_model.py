"""A BigQuery that takes each publish job's id once, with executors that wait, die, fail and come back."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator
from dataclasses import dataclass, field

from shared.domain.runs.turns import Answer, Await, Holder, JoinLine, Line, Look, Pause, Start, Wish, take_turn

CALL_SECONDS = 0.05


@dataclass
class Job:
    """A publish job: who started it, and when it has ended."""

    lease_id: str
    fence: str
    started_at: float
    ends_at: float
    succeeds: bool


@dataclass
class Executor:
    """One that wants to publish: `calls_left` until it dies, `fails` of its publishes before one succeeds."""

    lease_id: str
    arrives_at: float
    takes: float
    fails: int = 0
    calls_left: int | None = None
    loses_answer: bool = False
    waiting_since: float | None = None
    published_in: int | None = None
    conversation: Generator[Wish, Answer, int] | None = None
    newest: int = 0

    @property
    def is_dead(self) -> bool:
        """Whether it is dead and makes no further call."""
        return self.calls_left == 0


@dataclass
class World:
    """The tenant's jobs by turn, its executors and the clock. For `lag` seconds BigQuery hides new jobs and events."""

    executors: list[Executor]
    lag: float = 0.0
    used: int = 0
    now: float = 0.0
    jobs: dict[int, Job] = field(default_factory=dict)
    calls: int = 0

    def __post_init__(self) -> None:
        # Turns of publishes that all failed, so that no run log has them.
        for turn in range(1, self.used + 1):
            self.jobs[turn] = Job("long ago", "", -1.0, -0.5, succeeds=False)

    @property
    def newest(self) -> int:
        """The newest turn that published, as the tenant's run log says."""
        return max((turn for turn, job in self.jobs.items() if job.succeeds and job.ends_at <= self.now), default=0)

    def run(self, *, until: float = 10_000.0) -> None:
        """Let all executors act, in the order of their next moments, until none has anything left to do."""
        order = itertools.count()
        moments: list[tuple[float, int, Executor, Answer]] = []
        for executor in self.executors:
            heapq.heappush(moments, (executor.arrives_at, next(order), executor, None))
        while moments:
            self.now, _, executor, answer = heapq.heappop(moments)
            assert self.now < until, "somebody waits for ever"
            if executor.is_dead:
                continue
            after = self._act(executor, answer)
            if after:
                heapq.heappush(moments, (after[0], next(order), executor, after[1]))

    def _act(self, executor: Executor, answer: Answer) -> tuple[float, Answer] | None:
        """Take one step of an executor. Return when it continues and with which answer, or None if it has published."""
        if executor.conversation is None:
            executor.newest = executor.newest or self.newest
            executor.conversation = take_turn(executor.lease_id, executor.newest)
        try:
            wish = executor.conversation.send(answer)
        except StopIteration as ended:
            return self._held(executor, ended.value)
        self.calls += 1
        if executor.calls_left is not None:
            executor.calls_left -= 1
        return self._granted(executor, wish)

    def _held(self, executor: Executor, turn: int) -> tuple[float, Answer] | None:
        """Wait for the executor's own job; after a failed publish it needs another turn."""
        job = self.jobs[turn]
        assert job.lease_id == executor.lease_id, "nobody takes another's job for its own"
        if job.succeeds:
            executor.published_in = turn
            return None
        executor.conversation, executor.newest = None, turn
        return max(self.now, job.ends_at) + CALL_SECONDS, None

    def _granted(self, executor: Executor, wish: Wish) -> tuple[float, Answer]:
        later = self.now + CALL_SECONDS
        if isinstance(wish, Start):
            return later, self._start(executor, wish.turn)
        if isinstance(wish, Look):
            known = wish.turn in self.jobs and self.jobs[wish.turn].started_at <= self.now - self.lag
            return later, self._holder(wish.turn) if known else None
        if isinstance(wish, Await):
            job = self.jobs[wish.turn]
            return max(self.now, job.ends_at) + CALL_SECONDS, None
        if isinstance(wish, JoinLine):
            return later, self._line(executor)
        assert isinstance(wish, Pause)
        return self.now + wish.seconds, None

    def _start(self, executor: Executor, turn: int) -> Holder | None:
        if turn in self.jobs:
            return self._holder(turn)
        running = [number for number, job in self.jobs.items() if job.ends_at > self.now]
        assert not running, f"turn {turn} began while {running} was under way"
        executor.fails -= 1
        job = Job(executor.lease_id, "", self.now, self.now + executor.takes, succeeds=executor.fails < 0)
        self.jobs[turn] = job
        # The client repeats the request, and the id is taken.
        return self._holder(turn) if executor.loses_answer else None

    def _holder(self, turn: int) -> Holder | None:
        job = self.jobs.get(turn)
        if job is None:
            return None
        return Holder(job.lease_id, job.fence, is_done=job.ends_at <= self.now)

    def _line(self, executor: Executor) -> Line:
        if executor.waiting_since is None:
            executor.waiting_since = self.now
        ahead = [
            other
            for other in self.executors
            if other is not executor
            and other.waiting_since is not None
            and not self._has_published(other)
            and other.waiting_since <= self.now - self.lag
        ]
        in_order = sorted(ahead, key=lambda other: other.waiting_since or 0)
        return Line(tuple(other.lease_id for other in in_order), self.newest)

    def _has_published(self, executor: Executor) -> bool:
        return executor.published_in is not None and self.jobs[executor.published_in].ends_at <= self.now
