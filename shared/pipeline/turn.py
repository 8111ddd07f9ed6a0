"""Publishes in the run's turn, and carries out the requests of the turn protocol. See docs/adr/0017."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from shared.adapters.bigquery.job_errors import AssertionFailed
from shared.adapters.bigquery.job_waits import Pause
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import QueryJob
from shared.adapters.stores.publish_jobs import PublishJobs, fence_of
from shared.domain.runs.turns import (
    Answer,
    Await,
    Holder,
    JoinLine,
    Line,
    Look,
    Start,
    Wish,
    find_newer_publish,
    take_turn,
)
from shared.errors import FenceLost, RunCancelled, TransactionAborted
from shared.pipeline.context import HopContext
from shared.runtime import log

# A closing of another run of the tenant may change the same table at the same moment.
_ABORTED_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_TURN_PASSED, _CANCEL_REQUESTED = "TURN_PASSED", "CANCEL_REQUESTED"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Desk:
    """Carries out the requests of a turn protocol."""

    start: Callable[[int], Holder | None]
    look: Callable[[int], Holder | None]
    await_end: Callable[[int], None]
    join_line: Callable[[], Line]
    pause: Pause

    def carry_out(self, conversation: Generator[Wish, Answer, Result]) -> Result:
        """The result of the protocol, after all its requests are carried out."""
        answer: Answer = None
        while True:
            try:
                wish = conversation.send(answer)
            except StopIteration as ended:
                result: Result = ended.value
                return result
            answer = self._answer(wish)

    def _answer(self, wish: Wish) -> Answer:
        if isinstance(wish, Start):
            return self.start(wish.turn)
        if isinstance(wish, Look):
            return self.look(wish.turn)
        if isinstance(wish, JoinLine):
            return self.join_line()
        if isinstance(wish, Await):
            self.await_end(wish.turn)
        else:
            self.pause(wish.seconds)
        return None


def await_own_publish(jobs: PublishJobs, newest: int, pause: Pause) -> int | None:
    """Wait for a publish of this pipeline and source that may commit after `newest` was read, and return its turn.

    Afterwards no earlier publish is running. A publish that begins later finds its lease lost. So the source's tables
    do not change while this attempt reads them.
    """
    desk = Desk(_not_here, jobs.find, partial(jobs.await_end, pause=pause), _not_here, pause)
    turn = desk.carry_out(find_newer_publish(jobs.fence, newest))
    if turn is not None:
        log.info("earlier publish awaited", turn=turn)
        jobs.await_end(turn, pause)
    return turn


def _not_here(*_: Any) -> Any:
    raise AssertionError("a look-up neither starts a job nor joins the line")


class Turns:
    """A hop's turns to publish. `clock` returns the UTC time."""

    def __init__(self, hop: HopContext, *, clock: Callable[[], datetime]) -> None:
        self._hop, self._clock = hop, clock
        self._jobs = publish_jobs(hop)
        self._newest = hop.begun.turn

    def publish(
        self, script: Statement, values: Mapping[str, Any], *, max_bytes_billed: int | None, timeout_seconds: int
    ) -> QueryJob:
        """Publish in a turn and return the finished job; FenceLost or RunCancelled if the transaction refuses.

        Waiting for the turn does not use the step's time. If a closing aborts the transaction, it takes another turn.
        """
        for pause_seconds in _ABORTED_PAUSES_SECONDS:
            try:
                return self._publish(script, values, max_bytes_billed, timeout_seconds)
            except TransactionAborted:
                log.warning("publish lost to a concurrent change", turn=self._newest)
                self._hop.stop_signal.pause(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        return self._publish(script, values, max_bytes_billed, timeout_seconds)

    def _publish(
        self, script: Statement, values: Mapping[str, Any], limit: int | None, timeout_seconds: int
    ) -> QueryJob:
        pause = self._hop.stop_signal.pause_for_job

        def start(turn: int) -> Holder | None:
            known = {**values, "turn": turn}
            return self._jobs.start(turn, script, known, max_bytes_billed=limit, timeout_seconds=timeout_seconds)

        desk = Desk(start, self._jobs.find, partial(self._jobs.await_end, pause=pause), self._join_line, pause)
        with self._hop.stop_signal.waiting():
            self._newest = desk.carry_out(take_turn(self._hop.task.lease_id or "", self._newest))
        try:
            return self._jobs.finished(self._newest, pause)
        except AssertionFailed as error:
            if error.message == _TURN_PASSED:  # BigQuery forgot the job of a turn, so a second run took the same turn
                self._newest = self._join_line().newest
                raise TransactionAborted from error
            if error.message == _CANCEL_REQUESTED:
                raise RunCancelled from error
            raise FenceLost(f"Another attempt took over ({error.message}).") from error

    def _join_line(self) -> Line:
        line = self._hop.services.runs.join_line(self._hop.task, now=self._clock())
        log.info("waits for its turn to publish", ahead=len(line.ahead), newest_turn=line.newest)
        return line


def publish_jobs(hop: HopContext) -> PublishJobs:
    """The tenant's publish jobs, as this hop sees them."""
    fence = fence_of(hop.template.pipeline_id, hop.source)
    return PublishJobs(hop.services.warehouse, hop.task, fence)
