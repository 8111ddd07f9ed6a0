"""Chunked bodies reach a function as HTTP requires."""

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
