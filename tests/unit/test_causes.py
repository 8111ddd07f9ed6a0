"""The walk over an error's causes visits each once and ends."""

from __future__ import annotations

import pytest

from shared import errors
from shared.adapters.bigquery.contended import retried
from shared.pipeline.executor import classified

STEP_ERRORS = [
    errors.Unavailable(),
    errors.TransactionAborted(),
    errors.JobFailed("BigQuery: it failed", raw="Not found: Table p:d.t"),
    errors.StepFailed("column cost: string does not become decimal"),
    errors.StepTimedOut(),
]


def fail_as_a_step_does(error: errors.ConvergenceError) -> None:
    try:
        raise error
    except errors.ConvergenceError as found:
        raise classified(found)  # noqa: B904 - as the executor does


@pytest.mark.parametrize("error", STEP_ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_never_its_own_cause_when_it_is_classified(error: errors.ConvergenceError) -> None:
    with pytest.raises(errors.RunError) as caught:
        fail_as_a_step_does(error)
    found = list(errors.causes(caught.value))
    assert found == ([error] if caught.value is error else [caught.value, error])
    assert errors.bigquery_text_of(caught.value) == getattr(error, "raw", None)


def test_a_transaction_that_is_always_aborted_ends_as_aborted() -> None:
    def lose() -> None:
        raise errors.TransactionAborted

    with pytest.raises(errors.TransactionAborted) as caught:
        retried(lose, for_seconds=0.01)  # type: ignore[arg-type] # what a transaction answers does not matter here
    found = list(errors.causes(caught.value))
    assert found[0] is caught.value
    assert len(found) == len({id(cause) for cause in found})
    assert errors.bigquery_text_of(classified(caught.value)) is None


def test_the_walk_over_causes_that_make_a_circle_ends() -> None:
    first, second = errors.Unavailable("first"), errors.Unavailable("second")
    first.__cause__, second.__cause__ = second, first
    assert list(errors.causes(first)) == [first, second]
    assert errors.bigquery_text_of(first) is None
