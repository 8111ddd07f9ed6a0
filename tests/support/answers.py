"""Reads the answers to a frontend's requests."""

from __future__ import annotations

import requests


def refused_fields(answer: requests.Response) -> list[str]:
    """The names of the fields that a 400 complains about, in its order."""
    assert answer.status_code == 400, answer.text
    return [error["field"] for error in answer.json()["errors"]]
