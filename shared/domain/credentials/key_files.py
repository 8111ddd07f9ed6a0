"""Reads a service account's key file, also if an editor, a shell or a secret store has changed its form."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from shared.domain.credentials.google_names import AccountEmail, ProjectId
from shared.domain.requests.texts import Text
from shared.errors import InvalidInput

_FIELD = "credentials.service_account_json"
_MARKS = "\ufeff\u200b"  # a byte order mark, and a space without width, which editors and web pages leave
_LATIN_MARK = "\xef\xbb\xbf"  # a byte order mark that was read as Latin-1
_WHOLE = "the whole text of the key file is needed, which is a JSON object"
_MAX_NAME_LENGTH = 64


class ServiceAccountKey(BaseModel):
    """The fields of a service account's key file that are used. The others are dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    type: Literal["service_account"]
    project_id: ProjectId
    private_key_id: Annotated[
        str, Text(r"[A-Za-z0-9_-]{1,128}", "must be 1 to 128 letters, digits, underscores and hyphens")
    ]
    private_key: SecretStr = Field(max_length=4_096)  # of RSA with 4096 bits; 16,384 bits take minutes to check
    client_email: AccountEmail
    token_uri: str = Field(max_length=512)

    @field_serializer("private_key")
    def _revealed(self, value: SecretStr) -> str:
        return value.get_secret_value()


def read_key_file(text: Any) -> dict[str, Any]:
    """The file's fields. If it cannot be read as a key file, InvalidInput says why and quotes nothing of it.

    The file may begin with byte order marks. Its line breaks may be written as \\n. The whole text may be quoted once
    more, as shells and secret stores do.
    """
    if not isinstance(text, str):
        raise InvalidInput.of_field(_FIELD, "must be the key file's JSON as a string")
    found = [value for value in map(_parsed, _readings(_without_marks(text))) if value is not None]
    key = next((value for value in found if isinstance(value, dict)), None)
    if key is None:
        raise InvalidInput.of_field(_FIELD, _problem_of_value(found[0]) if found else _problem_of_text(text))
    _refuse_wrapped(key)
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
        value = _loaded(text)
        return _loaded(_without_marks(value)) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _loaded(text: str) -> Any:
    return json.loads(text, strict=False, object_pairs_hook=_members)  # the private key may contain line breaks


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise InvalidInput.of_field(_FIELD, f"has {_shown(name)} twice; the key file's own text is needed")
        members[name] = value
    return members


def _shown(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else "one of its fields"


def _without_marks(text: str) -> str:
    """The text without byte order marks and white space around it."""
    before = None
    while text != before:
        before, text = text, text.strip().strip(_MARKS).removeprefix(_LATIN_MARK)
    return text


def _with_line_breaks(text: str) -> str:
    return text.replace("\\r", "").replace("\\n", "\n")


def _problem_of_value(value: Any) -> str:
    is_quoted = isinstance(value, str) and "{" in value
    return "is quoted too often; the key file's own text is needed" if is_quoted else "must be a JSON object"


def _problem_of_text(text: str) -> str:
    """Describe the fault in a text that is not JSON. Quote nothing, because the text may contain the key."""
    bare = _without_marks(text)
    if not bare:
        return "is empty"
    if "\0" in text or text.startswith(("\xff\xfe", "\xfe\xff")):
        return "is in UTF-16; save the key file in UTF-8"
    return _problem_of_object(bare) if bare.startswith("{") else _problem_of_other(bare)


def _problem_of_other(text: str) -> str:
    if text.startswith("-----BEGIN"):
        return "is a private key alone; the whole key file is needed, which is a JSON object"
    if _is_base64(text):
        return "is base64; the key file's own text is needed, which is a JSON object"
    if text.startswith("'"):
        return "is in single quotes; the key file's own text is needed, which is a JSON object"
    return f"has text before its opening brace; {_WHOLE}" if "{" in text else f"is not valid JSON; {_WHOLE}"


def _problem_of_object(text: str) -> str:
    if re.match(r"\{\s*[^\s\"}]", text):
        return "must have straight double quotes around its names and values"
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)
    if re.search(r",\s*[}\]]", outside):
        return "has a comma before a closing bracket; remove it"
    if re.search(r"\}\s*\S", outside) and outside.count("{") <= outside.count("}"):
        return f"has text after its closing brace; {_WHOLE}"
    return f"is not valid JSON; {_WHOLE}"


def _is_base64(text: str) -> bool:
    """Whether a text, which may be quoted or a data URI, is a JSON object or a PKCS #12 file in base64."""
    encoded = "".join(text.strip('"').rpartition(";base64,")[2].split()).replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return False
    return decoded.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"0\x82"))


def _refuse_wrapped(key: Mapping[str, Any]) -> None:
    """Refuse an object that has the key file in one of its fields, as the files of other tools do."""
    if "type" in key or "private_key" in key:
        return
    for name, value in key.items():
        is_key = isinstance(value, dict) and "private_key" in value
        if is_key or (isinstance(value, str) and ("private_key" in value or _is_base64(value))):
            message = f"has the key file within {_shown(name)}; the key file's own text is needed"
            raise InvalidInput.of_field(_FIELD, message)
