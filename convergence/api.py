"""Calls the HTTP API with a tenant's key, and turns its errors into messages and exit statuses."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import LocationParseError
from urllib3.util import Retry, parse_url

from shared.configuration.platform_config import get_platform

Json = dict[str, Any]
REFUSED, NOT_STARTED, UNAVAILABLE = 1, 2, 3
_SECONDS = 70  # the time limit of a request; a function's own limit is 60
_TRIES = 5
_LONGEST_WAIT = 120  # seconds that a Retry-After may ask for; urllib3 would wait for six hours
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_KEY = re.compile(r"(?P<tenant_id>[a-z][a-z0-9_]*)_api_[a-z0-9]+")
_URL_HELP = "`make up` prints the address, and `./deploy.sh urls` for a deployed platform"


class Stopped(Exception):
    """The command ends with this message and status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Api:
    """The API with one tenant's key.

    `url` is the gateway's address, or the address of every function with `{service}` in place of the function's name.
    """

    url: str
    api_key: str
    tenant_id: str

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = self.url.startswith("https://")  # a proxy of http:// would see the key
        # Repeating a POST is harmless: it has an Idempotency-Key if the route takes one.
        again = Retry(
            total=_TRIES,
            backoff_factor=0.5,
            status_forcelist=(503,),
            allowed_methods=None,
            respect_retry_after_header=True,
            retry_after_max=_LONGEST_WAIT,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        return session

    def get(self, path: str, **query: Any) -> Json:
        """Send GET and return the answer. Fills `{tenant_id}` into the path and leaves out parameters that are None."""
        return self._call("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, keyed: bool = False) -> Json:
        """Send POST and return the answer. `keyed`: the route takes an Idempotency-Key."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} if keyed else {}
        return self._call("POST", path, json=dict(body or {}), headers=headers)

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """Send PATCH and return the answer."""
        return self._call("PATCH", path, json=dict(body))

    def put(self, path: str, body: Mapping[str, Any]) -> Json:
        """Send PUT and return the answer."""
        return self._call("PUT", path, json=dict(body))

    def delete(self, path: str) -> Json:
        """Send DELETE and return the answer."""
        return self._call("DELETE", path)

    def pages(self, path: str, name: str, *, most: int, **query: Any) -> Json:
        """A list that comes in pages as one page. The field `name` has up to `most` entries."""
        entries: list[Json] = []
        page: Json = {"next_page_token": None}
        while len(entries) < most:
            page = self.get(path, limit=min(most - len(entries), 200), page_token=page["next_page_token"], **query)
            entries += page[name]
            if page["next_page_token"] is None or not page[name]:
                break
        return page | {name: entries}

    def _call(self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any) -> Json:
        path = path.replace("{tenant_id}", self.tenant_id)
        sent = {"X-API-Key": self.api_key, **(headers or {})}
        try:
            answer = self._session.request(
                method, self._address(method, path), headers=sent, timeout=_SECONDS, allow_redirects=False, **request
            )
        except requests.RequestException as error:
            raise Stopped(f"{self.url} does not answer: {type(error).__name__}", UNAVAILABLE) from error
        if answer.is_redirect:  # following it would send the key to whatever address the answer names
            where = answer.headers["Location"]
            raise Stopped(f"{self.url} sends on to {where}. Set CONVERGENCE_URL to the API's own address.", REFUSED)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            what = f"{answer.url} answered {answer.status_code} without a JSON object."
            raise Stopped(f"{what} Check that CONVERGENCE_URL is the address of the API.", UNAVAILABLE)
        if answer.ok:
            return body
        raise Stopped(_in_words(body, answer), UNAVAILABLE if answer.status_code >= 500 else REFUSED)

    def _address(self, method: str, path: str) -> str:
        url = self.url.rstrip("/")
        if "{service}" in url:
            url = url.replace("{service}", _function_of(method, path).replace("_", "-"))  # as Terraform names services
        return url + path


def _function_of(method: str, path: str) -> str:
    """The function that serves a request, for a deployment without a gateway."""
    for name, function in get_platform().functions.items():
        for route in function.routes:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), f"{method} {path}"):
                return name
    raise LookupError(f"no function serves {method} {path}")


def _in_words(problem: Json, answer: requests.Response) -> str:
    lines = [str(problem.get("detail") or problem.get("title") or answer.reason)]
    if again := answer.headers.get("Retry-After"):
        lines.append(f"Try again in {again} seconds.")
    if answer.status_code >= 500:
        lines.append(f"The trace {problem.get('trace_id')} finds the request in the log.")
    return " ".join(lines)


def _is_local(url: str) -> bool:
    """Whether it is an address of this machine by http://, read as the client that sends the request reads it."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        return False
    return parts.scheme == "http" and parts.auth is None and parts.host in _LOCAL_HOSTS


def open_api(tenant_id: str | None) -> Api:
    """The API with the settings of the environment; Stopped with status 2 if one is missing."""
    url, api_key = os.environ.get("CONVERGENCE_URL"), os.environ.get("CONVERGENCE_API_KEY")
    if not url:
        raise Stopped(f"Set CONVERGENCE_URL to the address of the API; {_URL_HELP}.", NOT_STARTED)
    if not url.startswith("https://") and not _is_local(url):
        rule = "must begin with https://; http:// would send the key in clear, and is only for this machine"
        raise Stopped(f"CONVERGENCE_URL {url} {rule}. {_URL_HELP}.", NOT_STARTED)
    if not api_key:
        raise Stopped("Set CONVERGENCE_API_KEY to the tenant's API key.", NOT_STARTED)
    named = _KEY.fullmatch(api_key)
    if not named:
        raise Stopped("CONVERGENCE_API_KEY is not an API key: TENANT_api_ and letters and digits.", NOT_STARTED)
    return Api(url, api_key, tenant_id or os.environ.get("CONVERGENCE_TENANT") or named["tenant_id"])
