"""Bodies reach a function as HTTP requires, and malformed requests are refused before it."""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from devcloud.gateway.gateway import Gateway


def send(gateway: Gateway, body: bytes) -> bytes:
    where = urlsplit(gateway.url)
    with closing(socket.create_connection((where.hostname or "", where.port or 0), timeout=30)) as connection:
        head = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
    ],
)
def test_extensions_and_trailers_are_ignored(gateway: Gateway, body: bytes) -> None:
    assert b'"body": "hello"' in send(gateway, body)


@pytest.mark.parametrize("body", [b"x\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n", b"5\r\nhello!\r\n0\r\n\r\n"])
def test_broken_chunks_are_400(gateway: Gateway, body: bytes) -> None:
    assert send(gateway, body).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "start",
    [
        "GET /echo?limit=\uff11 HTTP/1.1",
        "GET /\u00e9cho HTTP/1.1",
        "POST /echo HTTP/1.1\r\nContent-Length: abc",
        "POST /echo HTTP/1.1\r\nContent-Length: -1",
        "POST /echo HTTP/1.1\r\nContent-Length: 1, 1",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip, chunked",
    ],
)
def test_a_request_that_googles_front_end_refuses_is_400(gateway: Gateway, start: str) -> None:
    where = urlsplit(gateway.url)
    with closing(socket.create_connection((where.hostname or "", where.port or 0), timeout=30)) as connection:
        connection.sendall(f"{start}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
