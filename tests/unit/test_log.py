"""Log lines have the form that Cloud Logging reads."""

from __future__ import annotations

import json

import pytest

from shared.runtime import log

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_line_is_one_json_object_with_the_bound_facts(capsys: pytest.CaptureFixture[str]) -> None:
    log._logger.handlers.clear()
    log.configure("INFO")
    trace = log.trace_facts("p", f"00-{TRACE}-b7ad6b7169203331-01", None)
    with log.bound(tenant_id="acme", **trace):
        log.bind(run_id="r1")
        log.info("run accepted", queue_position=3)
    log.info("after")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["message"] == "run accepted"
    assert first["severity"] == "INFO"
    assert (first["tenant_id"], first["run_id"], first["queue_position"]) == ("acme", "r1", 3)
    assert first["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
    assert "tenant_id" not in second
    log._logger.handlers.clear()


def test_the_older_trace_header_is_read_and_a_missing_one_gives_no_trace() -> None:
    facts = {"logging.googleapis.com/trace": f"projects/p/traces/{TRACE}"}
    assert log.trace_facts("p", None, f"{TRACE}/1;o=1") == log.trace_facts("p", None, TRACE.upper()) == facts
    assert log.trace_facts("p", None, None) == {}


@pytest.mark.parametrize(
    "malformed",
    ["", "a-b-c-d", "---", f"00-{TRACE}-zzzzzzzzzzzzzzzz-01", f"00-{'0' * 32}-b7ad6b7169203331-01",
     f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-b7ad6b7169203331-01", f"ff-{TRACE}-b7ad6b7169203331-01",
     f"00-{TRACE}-b7ad6b7169203331-01-more", f"00-{TRACE}-b7ad6b7169203331", f" 00-{TRACE}-b7ad6b7169203331-01"],
)  # fmt: skip
def test_a_malformed_trace_is_ignored(malformed: str) -> None:
    assert log.trace_id_of(malformed, None) == log.trace_id_of(None, malformed) == ""
    assert log.trace_id_of(malformed, f"{TRACE}/1") == TRACE


def test_a_later_version_of_the_trace_may_have_more_fields() -> None:
    assert log.trace_id_of(f"01-{TRACE}-b7ad6b7169203331-01-more", None) == TRACE
