"""The texts that credentials consist of: names at AWS, Azure and Google, and secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from shared.domain.requests.texts import Text


def _secret_text(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not 8 <= len(text) <= 512 or not text.isascii() or not text.isprintable():
        raise ValueError("must be 8 to 512 printable characters")
    return value


Uuid = Annotated[str, Text(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "must be a UUID")]
Bucket = Annotated[
    str,
    Text(
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "must be 3 to 63 lowercase letters, digits, dots and hyphens, with a letter or digit at both ends",
    ),
]
AwsRegion = Annotated[str, Text(r"[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2}", "must be a region, such as eu-central-1")]
AccessKeyId = Annotated[str, Text(r"[A-Z0-9]{16,128}", "must be 16 to 128 capital letters and digits")]
Prefix = Annotated[
    str,
    Text(
        r"[A-Za-z0-9!_.*'()/=:@ -]{0,1024}",
        "must be at most 1024 letters, digits, spaces and characters of !_.*'()/=:@-",
    ),
]
Secret = Annotated[SecretStr, AfterValidator(_secret_text)]
