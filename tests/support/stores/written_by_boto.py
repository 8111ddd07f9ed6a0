"""Writes objects into an S3 with AWS's client."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from boto3.s3.transfer import TransferConfig

PART_BYTES = 5 * 1024 * 1024  # the smallest part of an object that AWS takes


class WrittenByBoto:
    """An S3 whose `client` may write."""

    client: Any

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def remove(self, bucket: str, key: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=bucket, Key=key)

    def put_in_parts(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object as AWS writes large ones, in parts."""
        parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
        self.client.upload_fileobj(BytesIO(content), bucket, key, Config=parts)

    def put_encoded(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object of gzip, and say so in its headers."""
        self.client.put_object(Bucket=bucket, Key=key, Body=content, ContentEncoding="gzip")
