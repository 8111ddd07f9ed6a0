"""Local object stores of other clouds. They offer the reading calls of S3 and Blob storage over local files."""

from devcloud.objects.blobs import BlobService
from devcloud.objects.buckets import Buckets, azure_buckets, s3_buckets
from devcloud.objects.s3 import S3

__all__ = ["S3", "BlobService", "Buckets", "azure_buckets", "s3_buckets"]
