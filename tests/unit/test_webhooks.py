"""Sending to a receiver: it gets the message once, and can neither lead elsewhere nor hold the sender."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devcloud.tls import Tls
from shared.adapters.webhooks import Webhooks
from shared.domain.alerts.sending import Attempt
from tests.support.webhook_receiver import receiver

BODY, HEADERS = b'{"type":"alert.test"}', {"webhook-id": "msg_1"}
PRIVATE = "The name leads to an address of a private network; use a public one."
LATE = "The receiver did not answer in time."


def local(*, all_seconds: float = 10.0) -> Webhooks:
    return Webhooks(allows_local=True, all_seconds=all_seconds)


def leads_to(*addresses: str) -> Webhooks:
    """A sender whose resolver gives these addresses for every name."""
    return Webhooks(resolve=lambda *_: addresses)


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server on this machine that does this with its only connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with closing(connection):
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_the_receiver_gets_body_and_headers_as_they_are() -> None:
    with receiver() as webhook:
        assert local().send(webhook.url, BODY, HEADERS) == Attempt(204)
        (received,) = webhook.received
    assert received.body == BODY
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["host"] == urlsplit(webhook.url).netloc


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_another_status_is_told(status: int) -> None:
    with receiver(status) as webhook:
        attempt = local().send(webhook.url, BODY, HEADERS)
    assert attempt == Attempt(status, f"The receiver answered with status {status}.")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiver() as elsewhere, receiver(status, headers={"Location": elsewhere.url}) as webhook:
        attempt = local().send(webhook.url, BODY, HEADERS)
        assert elsewhere.received == []
    assert attempt.status == status
    assert not attempt.is_delivered
    assert "which is not followed" in str(attempt.problem)


@pytest.mark.parametrize(
    "addresses",
    [["169.254.169.254"], ["10.0.0.1"], ["::ffff:127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["100.64.0.1"], []],
    ids=["metadata", "private", "mapped", "public and private", "carrier-grade NAT", "none"],
)
def test_a_name_that_leads_to_a_private_network_is_refused(addresses: Sequence[str]) -> None:
    assert leads_to(*addresses).send("https://example.com/", BODY, HEADERS) == Attempt(problem=PRIVATE)


def test_a_name_is_resolved_once_and_the_checked_address_is_called() -> None:
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiver() as webhook:
        url = webhook.url.replace("127.0.0.1", "localhost")
        assert Webhooks(allows_local=True, resolve=rebinding).send(url, BODY, HEADERS) == Attempt(204)
    assert asked == ["localhost"]


def test_localhost_that_leads_elsewhere_is_refused() -> None:
    sender = Webhooks(allows_local=True, resolve=lambda *_: ["10.0.0.1"])
    assert sender.send("http://localhost:8080/", BODY, HEADERS) == Attempt(problem=PRIVATE)


def test_this_machine_is_called_only_if_the_setting_allows_it() -> None:
    with receiver() as webhook:
        attempt = Webhooks().send(webhook.url, BODY, HEADERS)
        assert webhook.received == []
    assert attempt == Attempt(problem="The address must begin with https://.")


def test_a_stored_address_is_checked_again() -> None:
    attempt = leads_to("8.8.8.8").send("https://example.com:22/", BODY, HEADERS)
    assert attempt == Attempt(problem="The address must use port 443 or 8443.")


def test_a_receiver_that_never_answers_is_left() -> None:
    done = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        done.wait(60)

    with listening(say_nothing) as url:
        attempt = local(all_seconds=0.2).send(url, BODY, HEADERS)
        done.set()
    assert attempt == Attempt(problem=LATE)


def test_a_receiver_that_sends_a_byte_now_and_then_is_left() -> None:
    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:  # the headers never end
                connection.sendall(b"x")
                threading.Event().wait(0.01)
        except OSError:
            return

    with listening(drip) as url:
        assert local(all_seconds=0.2).send(url, BODY, HEADERS) == Attempt(problem=LATE)


@pytest.mark.parametrize(
    "answer", [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 twohundred\r\n\r\n"], ids=["nothing", "no HTTP", "no status"]
)
def test_an_answer_that_is_none_is_told_without_quoting_it(answer: bytes) -> None:
    def reply(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with listening(reply) as url:
        attempt = local().send(url, BODY, HEADERS)
    assert attempt == Attempt(problem="The connection broke before the receiver answered.")


def test_a_closed_port_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    attempt = local().send(f"http://127.0.0.1:{port}/", BODY, HEADERS)
    assert attempt == Attempt(problem="The receiver refuses connections.")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = Tls(tmp_path).server_context()

    def serve(connection: socket.socket) -> None:
        try:
            context.wrap_socket(connection, server_side=True)
        except OSError:
            return

    with listening(serve) as url:
        secure = urlsplit(url.replace("http:", "https:").replace("127.0.0.1", "localhost"))
        with pytest.raises(ssl.SSLCertVerificationError):
            local()._post(secure, "127.0.0.1", BODY, HEADERS)  # `send` refuses an address of this machine


def test_a_name_that_cannot_be_resolved_is_told() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    attempt = Webhooks(resolve=fails).send("https://nowhere.example/", BODY, HEADERS)
    assert attempt == Attempt(problem="The receiver's name cannot be resolved.")
