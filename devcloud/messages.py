"""Helps with Google's message classes: times, pages, update masks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf import field_mask_pb2

from devcloud.grpc_service import invalid_argument

_Item = TypeVar("_Item")


def instant(seconds: float) -> Any:
    """Seconds since 1970 as a value for a Timestamp field. (Any: the classes declare these fields as protobuf's.)"""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(value: Any) -> float:
    """A Timestamp or Duration field in seconds; 0 if it is not set."""
    if not value:
        return 0.0
    return float(value.timestamp() if isinstance(value, datetime) else value.total_seconds())


def has(message: Any, field: str) -> bool:
    """Whether a field was set, even to its default value."""
    return bool(type(message).pb(message).HasField(field))


def page(items: Sequence[_Item], request: Any, *, default_size: int = 100) -> tuple[list[_Item], str]:
    """The requested page of a list, and the token of the next one."""
    try:
        start = int(request.page_token or 0)
    except ValueError as error:
        raise invalid_argument("The page token is invalid.") from error
    end = start + (request.page_size or default_size)
    return list(items[start:end]), str(end) if end < len(items) else ""


def merge(target: Any, source: Any, mask: field_mask_pb2.FieldMask) -> None:
    """Set the fields of `target` that the mask names, or all that `source` sets when the mask is empty."""
    target_pb, source_pb = type(target).pb(target), type(source).pb(source)
    if not mask.paths:
        target_pb.MergeFrom(source_pb)
        return
    for path in mask.paths:
        if path.partition(".")[0] not in target_pb.DESCRIPTOR.fields_by_name:
            raise invalid_argument(f"Invalid field mask: there is no field {path}.")
    try:
        mask.MergeMessage(source_pb, target_pb, True, True)
    except ValueError as error:
        raise invalid_argument(f"Invalid field mask: {error}") from error
