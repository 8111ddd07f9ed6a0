"""The command line trusts no answer: neither with its key, nor with the terminal, nor with its time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from convergence.app import main
from tests.support.commands import Said, environment, run

COMMANDS = "\x1b]0;owned\x07\x9b2J\u202e"  # sets the window's title, clears the screen, turns the direction
SHOWN = r"\u001b]0;owned\u0007\u009b2J\u202e"


@dataclass
class Gateway:
    """Answers every request alike, and keeps the API keys and the paths that it was sent."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=dict)
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    lying = Gateway()

    class _Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            lying.keys.append(self.headers["X-API-Key"])
            lying.paths.append(self.path.partition("?")[0])
            content = json.dumps(lying.body).encode()
            self.send_response(lying.status)
            for name, value in {**lying.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        lying.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield lying
        server.shutdown()
        thread.join()


def command(gateway: Gateway, *arguments: str, **settings: str) -> Said:
    own = {"CONVERGENCE_URL": gateway.url, "CONVERGENCE_API_KEY": "acme_api_1", "COLUMNS": "160"}
    with environment(own | settings):
        return run(main, *arguments)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_goes_to_no_address_that_an_answer_names(gateway: Gateway, status: int) -> None:
    gateway.status, gateway.headers = status, {"Location": f"{gateway.url.replace('127.0.0.1', 'localhost')}/other"}
    said = command(gateway, "usage")
    assert (said.returncode, gateway.keys) == (1, ["acme_api_1"])
    assert "sends on to http://localhost:" in said.stderr


def test_the_key_goes_through_no_proxy_in_clear(gateway: Gateway) -> None:
    gateway.body = {"credentials": []}
    assert command(gateway, "credentials", "list", http_proxy="http://127.0.0.1:1").returncode == 0
    assert gateway.keys == ["acme_api_1"]


def test_names_and_messages_do_not_command_the_terminal(gateway: Gateway) -> None:
    gateway.body = {"credentials": [{"provider": COMMANDS, "credential_kind": "", "source": "", "updated_at": "now"}]}
    assert SHOWN in command(gateway, "credentials", "list").stdout
    gateway.body = {"provider": COMMANDS, "steps": [{"title": COMMANDS, "paste": "two\nlines"}] * 2}
    step = f"# {SHOWN}\ntwo\nlines\n"
    assert command(gateway, "credentials", "setup", "aws").stdout == f"{step}\n{step}"
    printed = command(gateway, "credentials", "setup", "aws", "--json").stdout
    assert (SHOWN in printed, json.loads(printed)) == (True, gateway.body)
    gateway.status, gateway.body = 400, {"detail": COMMANDS}
    assert command(gateway, "usage").stderr == f"{SHOWN}\n"


@pytest.mark.parametrize("body", [[], "text", None, 1])
def test_an_answer_that_is_no_object_ends_the_command_in_words(gateway: Gateway, body: Any) -> None:
    gateway.body = body
    said = command(gateway, "usage")
    assert (said.returncode, said.stdout) == (3, "")
    assert "answered 200 without a JSON object. Check that CONVERGENCE_URL is" in said.stderr


def test_a_list_of_empty_pages_ends(gateway: Gateway) -> None:
    gateway.body = {"runs": [], "next_page_token": "again"}
    assert (command(gateway, "runs", "list").returncode, len(gateway.keys)) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["usage"], "/run-pipeline/api/v1/usage/acme"),
        (["costs"], "/costs/api/v1/costs/acme"),
        (["restatements"], "/costs/api/v1/costs/acme/restatements"),
        (["runs", "list"], "/pipeline-runs/api/v1/pipelines/runs/acme"),
        (["runs", "show", "a-run"], "/pipeline-runs/api/v1/pipelines/runs/acme/a-run"),
        (["schedules", "list"], "/pipeline-configs/api/v1/scheduler/customer/acme/pipelines"),
        (["credentials", "setup", "aws"], "/setup-credentials/api/v1/tenants/acme/credentials/setup"),
    ],
)
def test_without_a_common_address_each_request_goes_to_the_function_that_serves_it(
    gateway: Gateway, arguments: list[str], path: str
) -> None:
    gateway.url += "/{service}"
    gateway.body = {"runs": [], "pipelines": [], "restatements": [], "next_page_token": None}
    said = command(gateway, *arguments, "--json")
    assert (said.returncode, gateway.paths) == (0, [path])
