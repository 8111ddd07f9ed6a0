"""Calls to a tenant's cloud end before the request's time does, because that would end other tenants' requests."""

from __future__ import annotations

import pytest

from shared.errors import RunCancelled, Unavailable
from shared.runtime.request_time import call_seconds, check_stop, heeding, limited_to


def test_the_time_of_a_call_is_a_share_of_the_requests_time() -> None:
    assert call_seconds(30.0) == 30.0
    with limited_to(1800.0):
        assert call_seconds(30.0) == 30.0
    with limited_to(60.0):
        assert 3.0 < call_seconds(30.0) <= 4.0
    with limited_to(1.0):
        assert call_seconds(30.0) == 1.0


def test_work_without_signals_of_its_own_stops_before_the_request_ends() -> None:
    def stop() -> None:
        raise RunCancelled

    check_stop()
    with limited_to(60.0):
        check_stop()
    with limited_to(4.0):
        with pytest.raises(Unavailable):
            check_stop()
        with heeding(stop, []), pytest.raises(RunCancelled):
            check_stop()
