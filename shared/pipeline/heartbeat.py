"""Sends heartbeats, which extend the lease while a hop works, and reads whether the run has to stop."""

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
    """Send heartbeats and read signals in a thread during the block. It gives `stop_signal`, which the steps check."""
    done = threading.Event()

    def run() -> None:
        log.bind(step_id="heartbeat")  # a label for the thread's jobs
        while not done.wait(every_seconds):
            try:
                stop_signal.enforce()
                beat()
                heed(stop_signal, signals())
            except ConvergenceError as error:
                log.warning("heartbeat failed", error_class=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - if the thread ended, a working run would lose its lease
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
