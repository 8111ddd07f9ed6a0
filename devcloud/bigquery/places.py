"""The locations of BigQuery: https://cloud.google.com/bigquery/docs/locations"""

from __future__ import annotations

from devcloud.bigquery.model import BigQueryError

_PLACES = frozenset(
    {
        *("us", "eu", "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2"),
        *("asia-northeast3", "asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3"),
        *("australia-southeast1", "australia-southeast2", "europe-central2", "europe-north1", "europe-north2"),
        *("europe-southwest1", "europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west6"),
        *("europe-west8", "europe-west9", "europe-west10", "europe-west12", "me-central1", "me-central2", "me-west1"),
        *("northamerica-northeast1", "northamerica-northeast2", "northamerica-south1", "southamerica-east1"),
        *("southamerica-west1", "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1"),
        *("us-west2", "us-west3", "us-west4", "us-west8"),
    }
)


def check_place(location: str) -> None:
    """Raises invalid for an unknown location."""
    if location.lower() not in _PLACES:
        raise BigQueryError("invalid", f"Invalid value for location: {location} is not a valid value")
