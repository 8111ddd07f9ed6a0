"""A decision is sent in parts that BigQuery accepts, whatever error messages it has."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.stores.queue import DispatchQueue
from shared.domain.dispatching.dispatch import MAX_CHANGES
from shared.errors import MESSAGE_LENGTH
from tests.support.dispatch_model import World

MAX_SENT = 10_000_000  # bytes of a request with its parameters


class Sent:
    """Keeps the size of the parameters of a change, as its request has them."""

    size = 0

    def change(self, _: Any, values: dict[str, Any]) -> None:
        self.size = len(json.dumps(values, default=str))


@pytest.mark.parametrize(
    ("message", "is_whole"), [("", True), ("x" * 400, True), ("\N{SNOWMAN}" * MESSAGE_LENGTH, False)]
)
def test_the_part_of_a_decision_that_is_applied_fits_into_a_request(message: str, is_whole: bool) -> None:
    world = World({"acme": (50, 2)})
    world.accept("acme", "a", config_id=None)
    state, decision = world.read(), world.dispatch()
    (change,) = decision.changes
    large = replace(decision, changes=(replace(change, error_message=message),) * MAX_CHANGES)
    sent: Any = Sent()
    queue = DispatchQueue(sent)
    part = queue.fit_request(large)
    assert (part == large, part.work_remains) == (is_whole, not is_whole)
    queue.apply(state, part)
    assert 0 < sent.size < MAX_SENT
    if not is_whole:  # most of a request is used
        assert sent.size > MAX_SENT / 2
