"""Reads a service account's key file, also if an editor, a shell or a secret store has changed its form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shared.errors import InvalidInput

_FIELD = "credentials.service_account_json"
_BYTE_ORDER_MARK = "\ufeff"


def read_key_file(text: Any) -> dict[str, Any]:
    """The file's fields. If it cannot be read as a key file, InvalidInput says why and quotes nothing of it.

    The file may begin with a byte order mark. Its line breaks may be written as \\n. The whole text may be quoted once
    more, as shells and secret stores do.
    """
    if not isinstance(text, str):
        raise InvalidInput.of_field(_FIELD, "must be the key file's JSON as a string")
    found = [
        value for value in map(_parsed, _readings(text.strip().removeprefix(_BYTE_ORDER_MARK))) if value is not None
    ]
    key = next((value for value in found if isinstance(value, dict)), None)
    if key is None:
        raise InvalidInput.of_field(_FIELD, "must be a JSON object" if found else _told(text))
    if key.get("universe_domain", "googleapis.com") != "googleapis.com":
        raise InvalidInput.of_field(f"{_FIELD}.universe_domain", "must be googleapis.com")
    if isinstance(key.get("private_key"), str):
        key["private_key"] = _with_line_breaks(key["private_key"])
    return key


def _readings(text: str) -> Iterator[str]:
    yield text
    yield f'"{text}"'  # the text was quoted and has lost the outer quotes
    yield _with_line_breaks(text)


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text, strict=False)  # not strict: the private key may contain line breaks
        return json.loads(value.removeprefix(_BYTE_ORDER_MARK), strict=False) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _with_line_breaks(text: str) -> str:
    return text.replace("\\r", "").replace("\\n", "\n")


def _told(text: str) -> str:
    """Describe the fault in a text that is not JSON. Quote nothing, because the text may contain the key."""
    bare = text.strip()
    if not bare:
        return "is empty"
    if bare.startswith("-----BEGIN"):
        return "is a private key alone; the whole key file is needed, which is a JSON object"
    if bare.startswith(("eyJ", "ewog")):
        return "is base64; the key file's own text is needed, which is a JSON object"
    if bare.startswith("'"):
        return "is in single quotes; the key file's own text is needed, which is a JSON object"
    return "is not valid JSON; the whole text of the key file is needed"
