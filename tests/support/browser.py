"""A browser without JavaScript, as far as the console needs one: cookies, forms and the headers that browsers send."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from types import TracebackType

import requests

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_FIGURE = re.compile(r'<data value="([^"]*)"[^>]*>([^<]*)</data>')
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
PAGES = (
    "/console/costs", "/console/costs/latest", "/console/changes", "/console/alerts",
    "/console/runs", "/console/schedules", "/console/connection",
)  # fmt: skip
OPERATOR_PAGES = ("/console/operator", "/console/operator/tenants")


@dataclass
class Browser:
    """One browser. It does not follow redirects, so that a test sees them."""

    address: str
    session: requests.Session = field(default_factory=requests.Session)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def get(self, path: str, **query: str) -> requests.Response:
        """Open a page."""
        return self.session.get(self.address + path, params=query, allow_redirects=False)

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> requests.Response:
        """Send a form with these fields."""
        sent = SAME_ORIGIN if headers is None else headers
        return self.session.post(self.address + path, data=fields, headers=sent, allow_redirects=False)

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the first form of a page that has some."""
        return hidden_fields(self.get(path).text)

    def log_in(self, api_key: str) -> Browser:
        """Log in on the login page."""
        answer = self.post("/console/login", self.form("/console/login") | {"api_key": api_key})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console/costs")
        return self

    def log_in_operator(self, admin_key: str) -> Browser:
        """Log in on the operators' login page."""
        path = "/console/operator/login"
        answer = self.post(path, self.form(path) | {"admin_key": admin_key})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console/operator")
        return self

    def plant(self, name: str, value: str) -> None:
        """Set a cookie, as somebody could who controls the browser for a moment."""
        host = self.address.rpartition("/")[2].partition(":")[0]
        self.session.cookies.set(name, value, domain=host, path="/")

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that the browser has now."""
        return self.session.cookies.get(name)


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of all forms of a page."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(page)}


def figures_of(page: str, table: str) -> list[list[tuple[str, str]]]:
    """Return the rows of a page's tables with this name: each figure with all its digits, and as the page shows it."""
    tables = re.findall(rf'<table[^>]*data-table="{table}">(.*?)</table>', page, re.DOTALL)
    return [
        [(unescape(value), unescape(shown)) for value, shown in _FIGURE.findall(row)]
        for found in tables
        for row in _ROW.findall(found)
        if _FIGURE.search(row)
    ]
