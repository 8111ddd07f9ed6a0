"""Defines what a page's handler may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shared.console.sessions import Session


@dataclass(frozen=True)
class Page:
    """A page: its template in shared/console/templates, its title, and the template's variables."""

    template: str
    title: str
    content: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Redirect:
    """An order to the browser to get another page of the console.

    `session` begins a session, `ends_session` ends the present one.
    """

    location: str
    session: Session | None = None
    ends_session: bool = False


@dataclass(frozen=True)
class StaticFile:
    """A file, by default one that never changes under its name. `compressed` is its content as gzip."""

    content: bytes
    compressed: bytes
    content_type: str
    cache_control: str = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Text:
    """A plain text, for programs."""

    status: int
    text: str


Reply: TypeAlias = Page | Redirect | StaticFile | Text
