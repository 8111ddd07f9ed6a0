"""Extends the lease by heartbeats while a hop works, and reads whether the run has to stop."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.domain.runs.attempt import Signals
from shared.errors import ConvergenceError, FenceLost, RunCancelled
from shared.pipeline.stop_signal import StopSignal
from shared.runtime import log


@contextmanager
def heartbeats(
    stop_signal: StopSignal, *, every_seconds: float, beat: Callable[[], object], signals: Callable[[], Signals]
) -> Iterator[None]:
    """Beat and listen from a thread that ends with the block; the thread stops `stop_signal`, the steps notice."""
    done = threading.Event()

    def run() -> None:
        log.bind(step_id="heartbeat")  # a label of its jobs, in the thread's own context
        while not done.wait(every_seconds):
            try:
                stop_signal.enforce()
                beat()
                heed(stop_signal, signals())
            except ConvergenceError as error:
                log.warning("heartbeat failed", error_class=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - without its thread a run that works would lose its lease
                log.error("heartbeat crashed", exception=error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def heed(stop_signal: StopSignal, signals: Signals) -> None:
    """Stop the hop when its lease is lost or the run was cancelled."""
    if not signals.lease_is_held:
        stop_signal.stop(FenceLost("another attempt took over (LEASE_LOST)"))
    elif signals.is_cancel_requested:
        stop_signal.stop(RunCancelled())
