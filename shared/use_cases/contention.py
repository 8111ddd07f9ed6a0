"""Repeats a read and its transaction while other writers abort the transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import TransactionAborted, Unavailable
from shared.runtime import log

# The pauses add up to 16 s at most and to 8 s on average: longer than a few transactions of others in a row take.
_PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)

Result = TypeVar("Result")


def until_applied(read_and_apply: Callable[[], Result], *, rng: random.Random) -> Result:
    """The result of the first try whose transaction was not aborted; Unavailable when none of them was applied.

    Each try must read anew: what was decided on an old read is not worth applying.
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
