"""Lets the publishes of one tenant take turns. A turn is the number of a job. The executor that starts the job has it.

BigQuery accepts a job's id once, so two runs cannot take the same turn. A turn ends with its job, so an executor that
dies blocks no other. The next number is tried only once the job before it has ended. A waiting executor knows which
executors came before it and lets them go first.

`take_turn` and `find_newer_publish` are conversations: they yield a question or an order, and are sent the result.
They use neither a clock nor a cloud.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from shared.domain.numbers_in_order import find_last_taken

# How long an executor waits for each earlier executor to take a free turn: longer than starting a job takes.
GIVE_WAY_SECONDS = 1.0
_MAX_GIVEN_WAY = 20
_MAX_LOOKED_BACK = 20


@dataclass(frozen=True)
class Holder:
    """The holder of a turn: the lease of its job, the fence that it publishes under, and whether the job has ended."""

    lease_id: str
    fence: str
    is_done: bool


@dataclass(frozen=True)
class Line:
    """The leases that waited before, in the order of their arrival, and the newest turn that has published."""

    ahead: tuple[str, ...]
    newest: int


@dataclass(frozen=True)
class Start:
    """Start the job of this turn. Answer: None when it was started, else the Holder of the turn."""

    turn: int


@dataclass(frozen=True)
class Look:
    """Look for the holder of this turn. Answer: a Holder, or None while BigQuery finds no job."""

    turn: int


@dataclass(frozen=True)
class Await:
    """Wait until the job of this turn, which is taken, has ended in any way. No answer."""

    turn: int


@dataclass(frozen=True)
class JoinLine:
    """Record that this lease waits. Answer: the Line before it."""


@dataclass(frozen=True)
class Pause:
    """Wait a moment. No answer."""

    seconds: float


Wish = Start | Look | Await | JoinLine | Pause
Answer = Holder | Line | None


def take_turn(lease_id: str, newest: int) -> Generator[Wish, Answer, int]:
    """Take a turn for this lease and return it; `newest` is the latest turn that is known to have published."""
    turn, ahead = newest + 1, None
    while True:
        holder, ahead = yield from _give_way(turn, ahead)
        holder = holder or (yield from _started(turn))
        if holder is None or holder.lease_id == lease_id:
            return turn  # an earlier hop started this lease's job, or the answer to the start was lost
        if ahead is None:
            line = yield JoinLine()
            assert isinstance(line, Line)  # noqa: S101
            ahead = line.ahead
            if line.newest >= turn:
                turn = line.newest + 1
                continue
        seen = {turn: holder}
        last = (yield from _last_taken(turn, seen)) if holder.is_done else turn
        yield Await(last)
        ahead = yield from _still_ahead(ahead, range(turn, last + 1), seen)
        turn = last + 1


def find_newer_publish(fence: str, newest: int) -> Generator[Wish, Answer, int | None]:
    """The last turn after `newest` that publishes the same pipeline and source; None when there is none.

    Its job may be running or may have ended. In both cases it may commit after `newest` was read, so the values read
    with `newest` may be out of date. After many failed publishes in a row the answer is the last of their turns,
    which is not looked up.
    """
    last = yield from _last_taken(newest)
    if last - newest > _MAX_LOOKED_BACK:
        return last
    for turn in range(last, newest, -1):
        holder = yield Look(turn)
        if isinstance(holder, Holder) and holder.fence == fence:
            return turn
    return None


def _started(turn: int) -> Generator[Wish, Answer, Holder | None]:
    """Start the job of the turn. It returns None if that worked, else the turn's holder."""
    holder = yield Start(turn)
    return holder if isinstance(holder, Holder) else None


def _give_way(
    turn: int, ahead: tuple[str, ...] | None
) -> Generator[Wish, Answer, tuple[Holder | None, tuple[str, ...] | None]]:
    """Let earlier executors take the turn. It returns the turn's holder, or None if none took it in time.

    It also returns who is still ahead: an executor that had its second and did not take the turn may be dead.
    """
    for number, _ in enumerate((ahead or ())[:_MAX_GIVEN_WAY]):
        if isinstance(holder := (yield Look(turn)), Holder):
            return holder, (ahead or ())[number:]
        yield Pause(GIVE_WAY_SECONDS)
    return None, ahead and ahead[_MAX_GIVEN_WAY:]


def _still_ahead(
    ahead: tuple[str, ...], passed: range, seen: Mapping[int, Holder]
) -> Generator[Wish, Answer, tuple[str, ...]]:
    """The executors ahead that took none of the passed turns. A newcomer's turn brings nobody in line forward."""
    held = {holder.lease_id for holder in seen.values()}
    for turn in passed[-_MAX_LOOKED_BACK:] if ahead else ():
        if turn not in seen and isinstance(holder := (yield Look(turn)), Holder):
            held.add(holder.lease_id)
    return tuple(lease_id for lease_id in ahead if lease_id not in held)


def _last_taken(taken: int, seen: dict[int, Holder] | None = None) -> Generator[Wish, Answer, int]:
    """The last taken turn, `taken` or later. Turns are taken in order. `seen` gets the holders that were looked up."""
    search = find_last_taken(taken)
    turn = next(search)
    while True:
        holder = yield Look(turn)
        if seen is not None and isinstance(holder, Holder):
            seen[turn] = holder
        try:
            turn = search.send(isinstance(holder, Holder))
        except StopIteration as found:
            return int(found.value)
