"""A writer whose transactions are aborted reads again, and gives up after a while."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from shared.errors import TransactionAborted, Unavailable
from shared.use_cases.contention import until_applied


class Hurried(random.Random):
    """Draws the shortest possible pauses."""

    def random(self) -> float:
        return 0.0


def overtaken(times: int) -> Callable[[], int]:
    """A writer that is overtaken this number of times, and then returns how often it has read."""
    reads: Iterator[int] = iter(range(1, 100))

    def read_and_apply() -> int:
        read = next(reads)
        if read <= times:
            raise TransactionAborted
        return read

    return read_and_apply


@pytest.mark.parametrize("times", [0, 1, 7])
def test_every_try_reads_again_until_one_is_applied(times: int) -> None:
    assert until_applied(overtaken(times), rng=Hurried()) == times + 1


def test_a_writer_whose_transactions_always_abort_becomes_unavailable() -> None:
    with pytest.raises(Unavailable) as raised:
        until_applied(overtaken(99), rng=Hurried())
    assert raised.value.facts == {"retry_after": 5}
