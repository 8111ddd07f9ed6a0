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
_interrupts: ContextVar[list[Callable[[], object]] | None] = ContextVar("interrupts", default=None)


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
def heeding(check: Callable[[], None], interrupts: list[Callable[[], object]]) -> Iterator[None]:
    """What waits inside, to make a call again, asks `check` before: it raises when there is nothing to wait for.

    Of a call that waits for an answer, `interrupts` has meanwhile what ends it.
    """
    tokens = _check.set(check), _interrupts.set(interrupts)
    try:
        yield
    finally:
        _check.reset(tokens[0])
        _interrupts.reset(tokens[1])


@contextmanager
def interruptible(end: Callable[[], object]) -> Iterator[None]:
    """A call is under way that another thread may end by `end`."""
    interrupts = _interrupts.get()
    if interrupts is None:
        yield
        return
    interrupts.append(end)
    try:
        yield
    finally:
        interrupts.remove(end)


def check_stop() -> None:
    """Raise why the present work has to stop, if it has to."""
    if check := _check.get():
        check()
