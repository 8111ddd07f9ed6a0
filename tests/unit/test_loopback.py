"""Services on loopback are reached directly, even if the environment names a proxy."""

from __future__ import annotations

import os

import pytest
from requests.utils import get_environ_proxies

from devcloud.loopback import reach_loopback_directly

GATEWAY, ELSEWHERE = "http://127.0.0.1:8080/_devcloud/health", "http://example.com/"


@pytest.mark.parametrize(
    ("exempt", "kept"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "intranet.example"}, "intranet.example,127.0.0.1,localhost"),
        ({"no_proxy": "localhost,.corp"}, "localhost,.corp,127.0.0.1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_loopback_is_added_to_no_proxy(exempt: dict[str, str], kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in exempt.items():
        monkeypatch.setenv(name, value)
    reach_loopback_directly()
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == (kept, kept)


def test_a_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"http_proxy": "http://proxy.example:3128", "no_proxy": "", "NO_PROXY": ""}.items():
        monkeypatch.setenv(name, value)
    assert "http" in get_environ_proxies(GATEWAY)  # the environment exempts nothing
    reach_loopback_directly()
    assert get_environ_proxies(GATEWAY) == {}
    assert get_environ_proxies(ELSEWHERE)["http"] == "http://proxy.example:3128"
