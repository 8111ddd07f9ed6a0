"""The signal that stops a running hop."""

from __future__ import annotations

import pytest

from shared.domain.runs.attempt import Signals
from shared.errors import DependencyUnavailable, FenceLost, RunCancelled, StepTimedOut
from shared.pipeline.heartbeat import heartbeats, heed
from shared.pipeline.stop_signal import HandOver, StopSignal
from shared.runtime.request_time import check_stop, interruptible


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_step_out_of_time_stops_at_its_next_check() -> None:
    clock = Clock()
    stop_signal = StopSignal(budget_seconds=100, clock=clock)
    with stop_signal.step(10):
        stop_signal.check()
        clock.now = 11
        with pytest.raises(StepTimedOut):
            stop_signal.check()
    stop_signal.check()


def test_waiting_for_a_job_ends_with_the_requests_budget() -> None:
    clock = Clock()
    stop_signal = StopSignal(budget_seconds=5, clock=clock)
    stop_signal.pause_for_job(0)
    clock.now = 5
    with pytest.raises(HandOver):
        stop_signal.pause_for_job(0)


def test_the_first_reason_to_stop_counts_and_ends_a_pause() -> None:
    stop_signal = StopSignal(budget_seconds=100)
    stop_signal.stop(RunCancelled())
    stop_signal.stop(FenceLost())
    with pytest.raises(RunCancelled):
        stop_signal.pause(60)


@pytest.mark.parametrize(
    ("signals", "reason"),
    [(Signals(lease_is_held=False, is_cancel_requested=True), FenceLost), (Signals(True, True), RunCancelled)],
)
def test_signals_stop_the_hop(signals: Signals, reason: type[Exception]) -> None:
    stop_signal = StopSignal(budget_seconds=100)
    heed(stop_signal, signals)
    with pytest.raises(reason):
        stop_signal.check()


def test_the_heartbeat_ends_with_its_block_and_stops_the_hop_meanwhile() -> None:
    stop_signal, beats = StopSignal(budget_seconds=100), []
    with (
        pytest.raises(RunCancelled),
        heartbeats(
            stop_signal,
            every_seconds=0.01,
            beat=lambda: beats.append(1),
            signals=lambda: Signals(lease_is_held=True, is_cancel_requested=len(beats) >= 3),
        ),
    ):
        stop_signal.pause(30)
    assert len(beats) >= 3


def test_the_heartbeat_continues_after_an_error_in_one_beat() -> None:
    stop_signal, beats = StopSignal(budget_seconds=100), list[int]()

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) == 1:
            raise ZeroDivisionError("a defect")

    with (
        pytest.raises(RunCancelled),
        heartbeats(stop_signal, every_seconds=0.01, beat=beat, signals=lambda: Signals(True, True)),
    ):
        stop_signal.pause(5)
    assert beats[:2] == [0, 1]


def test_work_cut_by_the_requests_end_continues_if_the_next_request_has_more_time_for_it() -> None:
    clock = Clock()
    stop_signal = StopSignal(budget_seconds=100, clock=clock)
    clock.now = 50
    with stop_signal.step(1_000):
        stop_signal.check_work()
        clock.now = 100
        with pytest.raises(HandOver):
            stop_signal.check_work()


def test_work_that_does_not_end_within_a_whole_request_is_out_of_time() -> None:
    clock = Clock()
    stop_signal = StopSignal(budget_seconds=100, clock=clock)
    with stop_signal.step(1_000):
        clock.now = 100
        with pytest.raises(StepTimedOut):
            stop_signal.check_work()


def test_a_repeated_call_stops_when_its_step_has_to_stop() -> None:
    clock = Clock()
    stop_signal = StopSignal(budget_seconds=100, clock=clock)
    check_stop()
    with stop_signal.step(10):
        check_stop()
        clock.now = 11
        with pytest.raises(StepTimedOut):
            check_stop()
    check_stop()
    with stop_signal.step(1_000):
        clock.now = 100
        with pytest.raises(DependencyUnavailable):
            check_stop()
        stop_signal.stop(RunCancelled())
        with pytest.raises(RunCancelled):
            check_stop()


def test_a_waiting_call_ends_when_the_run_is_stopped_or_its_time_is_over() -> None:
    clock, ended = Clock(), list[str]()
    stop_signal = StopSignal(budget_seconds=100, clock=clock)
    with stop_signal.step(10):
        with interruptible(lambda: ended.append("first")):
            stop_signal.enforce()
            assert ended == []
            clock.now = 11
            stop_signal.enforce()
        with interruptible(lambda: ended.append("second")):
            stop_signal.stop(RunCancelled())
        stop_signal.enforce()
    assert ended == ["first", "second"]
    with interruptible(lambda: ended.append("outside of a step")):
        stop_signal.enforce()
    assert ended == ["first", "second"]


def test_time_that_a_step_waits_for_others_does_not_count() -> None:
    now = [0.0]
    stop_signal = StopSignal(budget_seconds=1000, clock=lambda: now[0])
    with stop_signal.step(10):
        now[0] = 8
        with stop_signal.waiting():
            now[0] = 500
            stop_signal.check()
        stop_signal.check()
        now[0] = 502.5
        with pytest.raises(StepTimedOut):
            stop_signal.check()
