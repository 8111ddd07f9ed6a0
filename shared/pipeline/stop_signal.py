"""Tells a running hop to stop: it is cancelled or overtaken, or a step or the request is out of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.errors import DependencyUnavailable, RunError, StepTimedOut
from shared.runtime.request_time import heeding

_MOST_OF_A_BUDGET = 0.9


class HandOver(Exception):
    """The request's time is used up; the next hop goes on. Not an error."""


class StopSignal:
    """Says when a hop has to stop. Steps ask between batches and while they wait; any thread may give the signal."""

    def __init__(self, *, budget_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._budget_seconds = budget_seconds
        self._hop_began_at = self._step_began_at = clock()
        self._step_ends_at: float | None = None
        self._stopped = threading.Event()
        self._reason: RunError | None = None
        self._interrupts: list[Callable[[], object]] = []

    def stop(self, reason: RunError) -> None:
        """Make the next check raise `reason`, and end the call that is under way; the first reason counts."""
        if self._reason is None:
            self._reason = reason
            self._stopped.set()
        self.enforce()

    def enforce(self) -> None:
        """End the call that is under way, if the step has to stop; for another thread, as the step's own may wait."""
        step_ends_at = self._step_ends_at
        is_late = self.is_out_of_time() or (step_ends_at is not None and self._clock() > step_ends_at)
        if self._reason is not None or is_late:
            for end in list(self._interrupts):
                end()

    def check(self) -> None:
        """Raise why the hop has to stop, if it has to."""
        if self._reason is not None:
            raise self._reason
        if self._step_ends_at is not None and self._clock() > self._step_ends_at:
            raise StepTimedOut

    def check_work(self) -> None:
        """As `check`, for work that ends with the request.

        When the request's time is used up: HandOver when the next request would have more time for this step, because
        other steps ran before it in this request; else StepTimedOut, because no request has enough time for the step.
        """
        self.check()
        if self.is_out_of_time():
            had = self._hop_began_at + self._budget_seconds - self._step_began_at
            raise HandOver if had < _MOST_OF_A_BUDGET * self._budget_seconds else StepTimedOut

    def pause(self, seconds: float) -> None:
        """Wait, but not past a stop."""
        self._stopped.wait(seconds)
        self.check()

    def pause_for_job(self, seconds: float) -> None:
        """Wait for a job that goes on without this request; HandOver when the request has no time left."""
        self.pause(seconds)
        if self.is_out_of_time():
            raise HandOver

    def is_out_of_time(self) -> bool:
        """Whether the request's budget is used up."""
        return self._clock() >= self._hop_began_at + self._budget_seconds

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The block's time does not count as the step's: the step's clock stops in the block."""
        began_at, ends_at = self._clock(), self._step_ends_at
        self._step_ends_at = None
        try:
            yield
        finally:
            if ends_at is not None:
                self._step_ends_at = ends_at + self._clock() - began_at

    @contextmanager
    def step(self, timeout_seconds: float) -> Iterator[None]:
        """A step may take this long."""
        self._step_began_at = self._clock()
        self._step_ends_at = self._step_began_at + timeout_seconds
        try:
            with heeding(self._check_repetition, self._interrupts):
                yield
        finally:
            self._step_ends_at = None

    def _check_repetition(self) -> None:
        """Before a call is made again: a service that is down is not waited for past the request's time."""
        self.check()
        if self.is_out_of_time():
            raise DependencyUnavailable("A service did not answer in time.")
