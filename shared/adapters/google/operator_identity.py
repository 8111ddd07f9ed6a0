"""Reports a missing or refused identity of an operator's command as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from google.auth import exceptions as google_auth

from shared.adapters.bigquery.job_errors import translated
from shared.errors import NotSignedIn

_WAY_OUT = "run `gcloud auth application-default login`"


@contextmanager
def as_operator() -> Iterator[None]:
    """Translates Google's exceptions into NotSignedIn if there are no credentials, or Google refuses them."""
    try:
        with translated():
            yield
    except google_auth.DefaultCredentialsError as error:
        cause = str(error).splitlines()[0]
        found = "" if "default credentials were not found" in cause else f": {cause.rstrip('.')}"
        raise NotSignedIn(f"there are no Google credentials{found}; {_WAY_OUT}") from error
    except google_auth.RefreshError as error:
        raise NotSignedIn(f"Google refuses the credentials; {_WAY_OUT}") from error
