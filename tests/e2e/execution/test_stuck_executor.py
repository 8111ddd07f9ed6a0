"""The watchdog ends a stuck executor, the run records it, and the next attempt does the work."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

from tests.support.executions import Executions
from tests.support.instance import Instance
from tests.support.tenant import Tenant

StartInstance = Callable[..., Instance]
DAY = {"date": "2025-11-16"}


def test_an_executor_that_hangs_ends_with_its_process_and_nothing_is_lost_or_doubled(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance
) -> None:
    with closing(socket.socket()) as mute:  # accepts connections and never answers
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        instance = start_extracting(
            BIGQUERY_STORAGE_ENDPOINT=f"localhost:{mute.getsockname()[1]}",
            EXECUTION_BUDGET_SECONDS="0.5",
            EXECUTION_GRACE_SECONDS="2",
        )
        delivery = extracting.admit(reader, DAY)
        assert extracting.try_to_deliver(delivery, url=instance.url) == "CUT OFF"
    last = extracting.events(delivery)[-1]
    assert (last["kind"], last["error_class"], last["retryable"]) == ("FAILED", "EXECUTOR_STUCK", True)
    assert last["error_message"] == "The executor exceeded its time and was ended."
    assert extracting.deliver(delivery) == "DUPLICATE"  # Cloud Tasks repeats the delivery that was cut off
    assert extracting.deliver(extracting.admit_again(delivery)) == "SUCCEEDED"
    assert extracting.run_row(delivery)["status"] == "COMPLETED"
    assert len({row["runs"] for row in extracting.published(reader)}) == 1
