"""Log lines as Cloud Logging reads them."""

from __future__ import annotations

import json

import pytest

from shared import log


def test_a_line_is_one_json_object_with_the_bound_facts(capsys: pytest.CaptureFixture[str]) -> None:
    log._logger.handlers.clear()
    log.configure("INFO")
    trace = log.trace_facts("p", "00-0af7-b7ad-01", None)
    with log.bound(tenant_id="acme", **trace):
        log.bind(run_id="r1")
        log.info("run accepted", queue_position=3)
    log.info("after")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["message"] == "run accepted"
    assert first["severity"] == "INFO"
    assert (first["tenant_id"], first["run_id"], first["queue_position"]) == ("acme", "r1", 3)
    assert first["logging.googleapis.com/trace"] == "projects/p/traces/0af7"
    assert "tenant_id" not in second
    log._logger.handlers.clear()


def test_the_older_trace_header_is_understood_and_none_is_none() -> None:
    assert log.trace_facts("p", None, "abc/1;o=1") == {"logging.googleapis.com/trace": "projects/p/traces/abc"}
    assert log.trace_facts("p", None, None) == {}
