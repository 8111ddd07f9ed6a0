"""Tells a running hop to stop: it is cancelled or overtaken, or a step or the request is out of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.errors import DependencyUnavailable, RunError, StepTimedOut
from shared.runtime.request_time import heeding

_MAX_SHARE_OF_BUDGET = 0.9


class HandOver(Exception):
    """The request's time is used up, and the next hop continues. This is not an error."""


class StopSignal:
    """Says when a hop has to stop. Steps check it between batches and while they wait. Any thread may give it."""

    def __init__(self, *, budget_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._budget_seconds = budget_seconds
        self._hop_began_at = self._step_began_at = clock()
        self._step_ends_at: float | None = None
        self._stopped = threading.Event()
        self._reason: RunError | None = None
        self._interrupts: list[Callable[[], object]] = []

    def stop(self, reason: RunError) -> None:
        """Make the next check raise `reason`, and end the call that is under way. Only the first reason counts."""
        if self._reason is None:
            self._reason = reason
            self._stopped.set()
        self.enforce()

    def enforce(self) -> None:
        """End the call that is under way if the step has to stop. Another thread calls this while the step waits."""
        step_ends_at = self._step_ends_at
        is_late = self.is_out_of_time() or (step_ends_at is not None and self._clock() > step_ends_at)
        if self._reason is not None or is_late:
            for end in list(self._interrupts):
                end()

    def check(self) -> None:
        """Raise the reason why the hop has to stop, if there is one."""
        if self._reason is not None:
            raise self._reason
        if self._step_ends_at is not None and self._clock() > self._step_ends_at:
            raise StepTimedOut

    def check_work(self) -> None:
        """As `check`, for work that ends with the request.

        If the request's time is used up, it raises HandOver or StepTimedOut. HandOver: other steps ran before this one
        in the request, so the next request has more time for it. StepTimedOut: no request has enough time for the step.
        """
        self.check()
        if self.is_out_of_time():
            had = self._hop_began_at + self._budget_seconds - self._step_began_at
            raise HandOver if had < _MAX_SHARE_OF_BUDGET * self._budget_seconds else StepTimedOut

    def pause(self, seconds: float) -> None:
        """Wait, but end the wait when the hop has to stop."""
        self._stopped.wait(seconds)
        self.check()

    def pause_for_job(self, seconds: float) -> None:
        """Wait for a job that continues without this request. It raises HandOver if the request has no time left."""
        self.pause(seconds)
        if self.is_out_of_time():
            raise HandOver

    def is_out_of_time(self) -> bool:
        """Whether the request's budget is used up."""
        return self._clock() >= self._hop_began_at + self._budget_seconds

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stop the step's clock during the block, so that its time does not count as the step's."""
        began_at, ends_at = self._clock(), self._step_ends_at
        self._step_ends_at = None
        try:
            yield
        finally:
            if ends_at is not None:
                self._step_ends_at = ends_at + self._clock() - began_at

    @contextmanager
    def step(self, timeout_seconds: float) -> Iterator[None]:
        """Limit the step in the block to this time."""
        self._step_began_at = self._clock()
        self._step_ends_at = self._step_began_at + timeout_seconds
        try:
            with heeding(self._check_repetition, self._interrupts):
                yield
        finally:
            self._step_ends_at = None

    def _check_repetition(self) -> None:
        """Raise if a call must not be repeated: the hop has to stop, or the request's time is used up."""
        self.check()
        if self.is_out_of_time():
            raise DependencyUnavailable("A service did not answer in time.")
