"""Finds and starts the browser of `make judge-browser`, Chromium from .venvs/browser or the system's, and logs in."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venvs" / "browser"
_UNPACKED = ENVIRONMENT / "chromium"
_OF_THE_SYSTEM = ("chromium", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_FLAGS = (
    "--no-sandbox",  # it needs rights that a container does not give
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """A browser with a new, empty profile. The test is skipped on a machine that has none."""
    sys.path.extend(str(path) for path in ENVIRONMENT.glob("lib/python3.*/site-packages") if str(path) not in sys.path)
    from playwright.sync_api import sync_playwright

    program, environment = _chromium()
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=list(_FLAGS), env=environment) as browser,
    ):
        yield browser


def log_in(context: BrowserContext, address: str, api_key: str) -> Page:
    """A page of the console after the login with this key."""
    page = context.new_page()
    page.goto(f"{address}/console/login")
    page.fill("#api_key", api_key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/costs**")
    return page


def _chromium() -> tuple[str, dict[str, str | float | bool]]:
    """The program and its environment. The unpacked one is the same on every machine, so it is the first choice."""
    environment: dict[str, str | float | bool] = dict(os.environ)
    if (_UNPACKED / "chromium").exists():
        environment |= {"LD_LIBRARY_PATH": str(_UNPACKED / "lib"), "FONTCONFIG_PATH": str(_UNPACKED)}
        return str(_UNPACKED / "chromium"), environment
    for name in _OF_THE_SYSTEM:
        if found := shutil.which(name):
            return found, environment
    pytest.skip(f"there is no Chromium for this system in {_UNPACKED}, and none is installed: {_OF_THE_SYSTEM}")
