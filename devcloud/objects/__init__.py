"""Local object stores of other clouds: S3's and Blob storage's calls for reading, over files of the state directory."""

from devcloud.objects.blobs import BlobService
from devcloud.objects.buckets import Buckets, azure_buckets, s3_buckets
from devcloud.objects.s3 import S3

__all__ = ["S3", "BlobService", "Buckets", "azure_buckets", "s3_buckets"]
