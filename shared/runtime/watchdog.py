"""Ends this process when a request exceeds its time, because such a request blocks an instance and its run.

A thread calls `last_word` and ends the process, whatever Python code is running. A C call that never releases the
interpreter stops that thread too. Then faulthandler's own thread, which needs no interpreter, ends the process without
`last_word`. The run is found later by its lease, which has run out meanwhile.

Cloud Run has given up such a request by then, but the instance keeps working; a few of them would block the function.
Other requests of the process end with it, and their callers get a 5xx. Cloud Tasks delivers its task again: the lease
is claimed already, so the second delivery changes nothing.
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

from shared.runtime import log
from shared.runtime.request_time import limited_to

_EXIT_STATUS = 1
_GRACE_SHARE = 1 / 6  # the grace is a sixth of a function's time


class _HardEnds:
    """Shares faulthandler's only timer among requests. It is always set to the earliest remaining deadline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[object, float] = {}

    def add(self, owner: object, at: float) -> None:
        """End the process at this time of the monotonic clock, unless the deadline is removed before."""
        with self._lock:
            self._left[owner] = at
            if at == min(self._left.values()):
                self._set(at)

    def remove(self, owner: object) -> None:
        """Remove a deadline."""
        with self._lock:
            at, first = self._left.pop(owner), min(self._left.values(), default=None)
            if first is None:
                faulthandler.cancel_dump_traceback_later()
            elif at < first:
                self._set(first)

    def _set(self, at: float) -> None:
        file = sys.__stderr__ or sys.stderr  # a replacement of stderr may not be a real file
        faulthandler.dump_traceback_later(max(at - time.monotonic(), 0.001), exit=True, file=file)


_HARD_ENDS = _HardEnds()


class Watchdog:
    """Gives a block `seconds`. After that it calls `last_word`, for at most `grace_seconds`, and ends the process."""

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
    """Limit the block to its function's time. Waits end at that time, and the process ends a sixth of it later.

    None gives it no limit.
    """
    with limited_to(timeout_seconds):
        if timeout_seconds is None:
            yield
            return
        grace_seconds = timeout_seconds * _GRACE_SHARE
        with Watchdog(seconds=timeout_seconds + grace_seconds, grace_seconds=grace_seconds):
            yield
