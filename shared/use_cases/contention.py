"""What a writer does when another one was faster: starts again from the read, a few times."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from shared import log
from shared.errors import TransactionAborted, Unavailable

_TURNS = 6
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0

Result = TypeVar("Result")


def until_applied(read_and_apply: Callable[[], Result], *, rng: random.Random) -> Result:
    """The result of the first turn whose transaction was not aborted; Unavailable when none of them was applied.

    Each turn must read anew: what was decided on an old read is not worth applying.
    """
    for turn in range(_TURNS):
        try:
            return read_and_apply()
        except TransactionAborted:
            log.warning("transaction lost to a concurrent change", turn=turn)
            time.sleep(min(_FIRST_PAUSE_SECONDS * 2**turn, _LONGEST_PAUSE_SECONDS) * rng.random())
    raise Unavailable("others keep changing the same tables", retry_after=5)
