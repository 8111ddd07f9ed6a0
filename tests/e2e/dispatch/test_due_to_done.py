"""The two flows that the benchmark compares process the same runs, each with a known number of jobs."""

from __future__ import annotations

from benchmarks.due_to_done import measure
from tests.support.dispatching import Dispatching

RUNS = 20


def test_both_flows_complete_every_run_in_the_jobs_the_benchmark_counts(dispatching: Dispatching) -> None:
    product, plain = measure(dispatching, RUNS)
    trigger, round_of_dispatching = 2, 2
    assert product.jobs == trigger + 3 * round_of_dispatching
    asked_in_vain = 1
    assert plain.jobs == 1 + 3 * RUNS + 6 * RUNS + asked_in_vain
