"""One HTTP attempt: its deadline, and its interruption."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from google.rpc import code_pb2

from devcloud.delivery import Call, Deliverer
from tests.support.devcloud.handler import PATIENCE_SECONDS, Handler


def test_a_handler_that_takes_longer_than_the_deadline_has_failed(handler: Handler) -> None:
    handler.gate.clear()

    outcome = Deliverer().send(Call("POST", handler.url, {}, b"", deadline_seconds=0.05))

    assert (outcome.ok, outcome.status, outcome.code) == (False, None, code_pb2.DEADLINE_EXCEEDED)


def test_stopping_interrupts_the_current_delivery_and_refuses_later_ones(handler: Handler) -> None:
    handler.gate.clear()
    deliverer, call = Deliverer(), Call("POST", handler.url, {}, b"", deadline_seconds=PATIENCE_SECONDS)
    with ThreadPoolExecutor(1) as pool:
        attempt = pool.submit(deliverer.send, call)
        handler.next_request()

        deliverer.stop()

        assert not attempt.result(PATIENCE_SECONDS).ok
    assert deliverer.send(call).code == code_pb2.CANCELLED
    assert handler.is_quiet
