"""No test fails because a machine is slow."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def test_examples_may_take_as_long_as_they_take() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
