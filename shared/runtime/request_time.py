"""Ends the waits of the present request when its time is used up or it has to stop.

A function that takes longer than its time is cut off, and its caller gets no error message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shared.errors import Unavailable

_SECONDS_TO_ANSWER = 5.0
_CALLS = 15  # the number of such calls that fit into a request

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)
_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)
_interrupts: ContextVar[list[Callable[[], object]] | None] = ContextVar("interrupts", default=None)


@contextmanager
def limited_to(seconds: float | None) -> Iterator[None]:
    """Give the block this number of seconds; None gives it no limit."""
    token = _ends_at.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float | None:
    """The rest of the request's time in seconds; None outside of a request."""
    ends_at = _ends_at.get()
    return None if ends_at is None else ends_at - time.monotonic()


@contextmanager
def heeding(check: Callable[[], None], interrupts: list[Callable[[], object]]) -> Iterator[None]:
    """Make each wait inside the block call `check` first, which raises if the wait would be useless.

    While a call waits for an answer, `interrupts` has the function that ends the call.
    """
    tokens = _check.set(check), _interrupts.set(interrupts)
    try:
        yield
    finally:
        _check.reset(tokens[0])
        _interrupts.reset(tokens[1])


@contextmanager
def interruptible(end: Callable[[], object]) -> Iterator[None]:
    """Declare that a call is under way in the block. Another thread may call `end` to end it."""
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
    """Raise the reason why the present work has to stop, if there is one. Work without one stops with the request."""
    if check := _check.get():
        check()
    elif (left := seconds_left()) is not None and left < _SECONDS_TO_ANSWER:
        raise Unavailable(retry_after=5)


def call_seconds(most: float) -> float:
    """The time limit of a call that its client tries a few times and that cannot be stopped meanwhile.

    A request that exceeds its time ends the process, and with it the requests of other tenants.
    """
    left = seconds_left()
    return most if left is None else max(1.0, min(most, left / _CALLS))
