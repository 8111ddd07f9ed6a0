"""The properties of a charge by which costs are grouped and filtered: columns of focus_cost, tags, virtual tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

GROUPS: Mapping[str, str] = {
    "service": "ServiceName",
    "category": "ServiceCategory",
    "provider": "ProviderName",
    "account": "BillingAccountId",
    "subaccount": "SubAccountId",
    "region": "RegionId",
    "sku": "SkuId",
    "charge_category": "ChargeCategory",
}
MAX_CONDITIONS, MAX_FILTER_CHARACTERS = 20, 4_000
VIRTUAL_NAME = r"[a-z][a-z0-9_]{0,62}"
_NAMES = ", ".join(GROUPS)
_LONGEST_KEY, _LONGEST_VALUE = 256, 512
_PIECE = re.compile(r"(?:[^\\;]|\\[\\;=])+")  # a condition; a backslash takes the meaning from what follows


@dataclass(frozen=True, order=True)
class Property:
    """A property of a charge: the column of a short name, the tag with a key, or the virtual tag with a name."""

    kind: Literal["column", "tag", "virtual"]
    name: str


Filters = Mapping[Property, tuple[str, ...]]


def read_property(text: str) -> Property:
    """The property that a request names. ValueError lists the possible ones."""
    kind, _, key = text.partition(":")
    if text in GROUPS:
        return Property("column", text)
    if kind == "tag" and 1 <= len(key) <= _LONGEST_KEY:
        return Property("tag", key)
    if kind == "virtual" and re.fullmatch(VIRTUAL_NAME, key):
        return Property("virtual", key)
    raise ValueError(f"must be one of {_NAMES}, tag: and the key of a tag, or virtual: and the name of a virtual tag")


def read_filters(text: str) -> Filters:
    """The conditions of a filter: a charge has to have one of the values of each property.

    Conditions stand between semicolons: `service:BigQuery`, `tag:team=data` or `virtual:env=prod`. A backslash before a
    semicolon, an equals sign or a backslash makes it part of a name or value. An empty value means charges without a
    value.
    """
    found: dict[Property, tuple[str, ...]] = {}
    conditions = _split(text)
    if not 1 <= len(conditions) <= MAX_CONDITIONS:
        raise ValueError(f"must have 1 to {MAX_CONDITIONS} conditions")
    for condition in conditions:
        named, value = _read_condition(condition)
        found[named] = (*found.get(named, ()), value)
    return found


def write_condition(group_by: str, value: str) -> str:
    """The condition of a filter that only the charges of one group fulfil: it is read by read_filters."""
    kind, _, key = group_by.partition(":")
    return f"{group_by}:{_escaped(value)}" if group_by in GROUPS else f"{kind}:{_escaped(key)}={_escaped(value)}"


def write_property(named: Property) -> str:
    """The property in the words of a request, as read_property reads them."""
    return named.name if named.kind == "column" else f"{named.kind}:{named.name}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\;=])", r"\\\1", text)


def _split(text: str) -> list[str]:
    pieces = _PIECE.findall(text)
    if ";".join(pieces) != text:
        raise ValueError("must have conditions between semicolons; write \\; for a semicolon and \\\\ for a backslash")
    return pieces


def _read_condition(condition: str) -> tuple[Property, str]:
    kind, colon, rest = condition.partition(":")
    if kind in GROUPS and colon:
        named, value = Property("column", kind), rest
    else:
        key = re.match(r"(?:[^\\=]|\\.)*", rest)
        if kind not in ("tag", "virtual") or not key or key.end() == len(rest):
            raise ValueError(
                f"must be one of {_NAMES}, a colon and a value, such as service:BigQuery, or tag:team=data"
            )
        named, value = read_property(f"{kind}:{_plain(key[0])}"), rest[key.end() + 1 :]
    plain = _plain(value)
    if len(plain) > _LONGEST_VALUE:
        raise ValueError(f"must have values of at most {_LONGEST_VALUE} characters")
    return named, plain


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
