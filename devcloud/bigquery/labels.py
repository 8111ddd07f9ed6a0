"""BigQuery's rules for labels: https://cloud.google.com/bigquery/docs/labels-intro#requirements"""

from __future__ import annotations

import re
from collections.abc import Mapping

from devcloud.bigquery.model import BigQueryError

_MOST = 64
_TEXT = re.compile(r"[\w-]{0,63}")


def check_labels(labels: Mapping[str, str | None] | None) -> None:
    """Raises invalid for a key or value that BigQuery does not accept."""
    given = labels or {}
    if len(given) > _MOST:
        raise BigQueryError("invalid", f"There are more than {_MOST} labels")
    for key, value in given.items():
        if not key or not _is_text(key) or not key[0].isalpha():
            raise _invalid("key", key)
        if value is not None and not _is_text(value):
            raise _invalid("value", value)


def _is_text(text: str) -> bool:
    return _TEXT.fullmatch(text) is not None and text == text.lower()


def _invalid(what: str, text: str) -> BigQueryError:
    return BigQueryError(
        "invalid",
        f'Label {what} "{text}" has invalid characters. Only lowercase letters, numbers, underscores and dashes are '
        "allowed, at most 63, and a key begins with a letter.",
    )
