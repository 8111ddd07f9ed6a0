"""Repeats a read and its transaction while other writers abort the transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import TransactionAborted, Unavailable
from shared.runtime import log

# The pauses add up to 16 s at most, 8 s on average. That is longer than a few transactions of others take in a row.
_PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)

Result = TypeVar("Result")


def until_applied(read_and_apply: Callable[[], Result], *, rng: random.Random) -> Result:
    """The result of the first try whose transaction was not aborted. It raises Unavailable if all were aborted.

    Each try must read again, because a decision from an old read may be wrong.
    """
    for number, pause_seconds in enumerate(_PAUSES_SECONDS):
        try:
            return read_and_apply()
        except TransactionAborted:
            log.warning("transaction lost to a concurrent change", tries=number + 1)
            time.sleep(pause_seconds * rng.random())
    try:
        return read_and_apply()
    except TransactionAborted as error:
        raise Unavailable("Other requests keep changing the same tables; try again.", retry_after=5) from error
