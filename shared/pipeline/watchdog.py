"""Ends this process when a request goes on past its time: what does not come back holds an instance, and its run.

A thread says the last word and ends the process, whatever Python code is running. A call into C that does not give the
interpreter back stops that thread too: then faulthandler's own thread, which needs no interpreter, ends the process
without a word, and the run is found by its lease, which nobody kept alive meanwhile.

Cloud Run answers the request that was cut off with a 5xx, and Cloud Tasks delivers it again: its lease has been
claimed, so the second delivery changes nothing.
"""

from __future__ import annotations

import contextvars
import faulthandler
import os
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from shared import log

_EXIT_STATUS = 1


class Watchdog:
    """Lets the block take `seconds`; then `last_word` is said, in `grace_seconds` at most, and the process ends.

    One at a time in a process.
    """

    def __init__(self, *, seconds: float, grace_seconds: float) -> None:
        self._seconds, self._grace_seconds = seconds, grace_seconds
        self._done, self._watched = threading.Event(), threading.get_ident()
        self.last_word: Callable[[], None] | None = None

    def __enter__(self) -> Watchdog:
        file = sys.__stderr__ or sys.stderr  # what stands in for stderr may be no real file
        faulthandler.dump_traceback_later(self._seconds + self._grace_seconds, exit=True, file=file)
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._watch,), name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        faulthandler.cancel_dump_traceback_later()

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
