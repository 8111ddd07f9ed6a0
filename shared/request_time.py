"""What ends the waits of the present request: its time, and whoever wants it to stop.

A function that takes longer than its time is cut off, and its caller learns nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)
_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def limited_to(seconds: float | None) -> Iterator[None]:
    """What is done inside has so much time from now on; None: nobody cuts it off."""
    token = _ends_at.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float | None:
    """What is left of the request's time; None outside of a request."""
    ends_at = _ends_at.get()
    return None if ends_at is None else ends_at - time.monotonic()


@contextmanager
def heeding(check: Callable[[], None]) -> Iterator[None]:
    """What waits inside, to make a call again, asks `check` before: it raises when there is nothing to wait for."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_stop() -> None:
    """Raise why the present work has to stop, if it has to."""
    if check := _check.get():
        check()
