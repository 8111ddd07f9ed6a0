"""Ends this process when a request goes on past its time: what does not come back holds an instance, and its run.

A thread says the last word and ends the process, whatever Python code is running. A call into C that does not give the
interpreter back stops that thread too: then faulthandler's own thread, which needs no interpreter, ends the process
without a word, and the run is found by its lease, which nobody kept alive meanwhile.

Cloud Run has given such a request up by then, but leaves the instance at work: with a few of them a function would
answer nobody. What else the process does ends with it, and its callers get a 5xx. A delivery of Cloud Tasks comes
again: its lease has been claimed, so the second one changes nothing.
"""

from __future__ import annotations

import contextvars
import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from shared import log
from shared.request_time import limited_to

_EXIT_STATUS = 1
_GRACE_SHARE = 1 / 6  # of a function's time


class _HardEnds:
    """When faulthandler ends the process: it has one timer, which is set to the first of the ends that are left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[object, float] = {}

    def add(self, owner: object, at: float) -> None:
        """The process ends at this moment of the monotonic clock, unless the owner takes it back."""
        with self._lock:
            self._left[owner] = at
            if at == min(self._left.values()):
                self._set(at)

    def remove(self, owner: object) -> None:
        """Take an end back."""
        with self._lock:
            at, first = self._left.pop(owner), min(self._left.values(), default=None)
            if first is None:
                faulthandler.cancel_dump_traceback_later()
            elif at < first:
                self._set(first)

    def _set(self, at: float) -> None:
        file = sys.__stderr__ or sys.stderr  # what stands in for stderr may be no real file
        faulthandler.dump_traceback_later(max(at - time.monotonic(), 0.001), exit=True, file=file)


_HARD_ENDS = _HardEnds()


class Watchdog:
    """Lets the block take `seconds`; then `last_word` is said, in `grace_seconds` at most, and the process ends."""

    def __init__(self, *, seconds: float, grace_seconds: float) -> None:
        self._seconds, self._grace_seconds = seconds, grace_seconds
        self._done, self._watched = threading.Event(), threading.get_ident()
        self.last_word: Callable[[], None] | None = None

    def __enter__(self) -> Watchdog:
        _HARD_ENDS.add(self, time.monotonic() + self._seconds + self._grace_seconds)
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._watch,), name="watchdog", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        _HARD_ENDS.remove(self)

    def _watch(self) -> None:
        if self._done.wait(self._seconds):
            return
        frame = sys._current_frames().get(self._watched)
        log.error("request ended by the watchdog", stack="".join(traceback.format_stack(frame)) if frame else None)
        try:
            if self.last_word:
                self.last_word()
        except Exception as error:  # noqa: BLE001 - the process ends all the same, and the lease will run out
            log.error("last word not said", exception=error)
        finally:
            sys.stdout.flush()
            os._exit(_EXIT_STATUS)


@contextmanager
def watched(timeout_seconds: float | None) -> Iterator[None]:
    """What is done inside ends with its function's time: what waits hears of it, what goes on is ended a sixth later.

    None: nobody cuts it off.
    """
    with limited_to(timeout_seconds):
        if timeout_seconds is None:
            yield
            return
        grace_seconds = timeout_seconds * _GRACE_SHARE
        with Watchdog(seconds=timeout_seconds + grace_seconds, grace_seconds=grace_seconds):
            yield
