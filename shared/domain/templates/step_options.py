"""Defines the steps of templates: for each value of `uses` its options."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.dispatching.retry import MAX_STEP_TRIES
from shared.domain.requests.texts import Text
from shared.domain.templates.grain import Grain

Name = Annotated[
    str,
    Text(
        r"[a-z][a-z0-9_]{0,40}", "must be a lowercase letter, then at most 40 lowercase letters, digits and underscores"
    ),
]
Placeholder = Annotated[str, Text(r"\{[a-z_][a-z0-9_]*\}", "must be a placeholder, such as {date}")]
Bytes = Annotated[int, Field(ge=1, strict=True)]


class Strict(BaseModel):
    """A part of a template. Unknown keys are refused, and the key `with` is the field `with_`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Retry(Strict):
    """The number of tries of a step within one attempt of the run, and the pause before the second try."""

    attempts: int = Field(default=1, ge=1, le=MAX_STEP_TRIES)
    backoff_seconds: float = Field(default=2.0, gt=0, le=60)


class _Step(Strict):
    id: Name
    retry: Retry = Retry()
    timeout_seconds: int = Field(default=900, ge=1, le=3600)


class ExportOptions(Strict):
    """The export and its usage days, both ends included.

    Without `export_table` it is the credential's export. Without days the step finds new ones. It looks for late rows
    up to `late_hours` before the newest row seen so far.
    """

    export_table: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    late_hours: Annotated[int, Field(ge=0)] | Placeholder = 72


class ExportStep(_Step):
    """Reads the tenant's Google Cloud billing export into a staging table."""

    reads: ClassVar[Grain] = "day"

    uses: Literal["gcp_billing_export"]
    with_: ExportOptions = Field(default=ExportOptions(), alias="with")


class BillingFilesOptions(Strict):
    """The billing periods: the months of these days, both ends included. Without days, the changed periods."""

    start_date: str | None = None
    end_date: str | None = None


class _FilesStep(_Step):
    """Reads files of whole billing periods into a staging table."""

    reads: ClassVar[Grain] = "billing_period"

    with_: BillingFilesOptions = Field(default=BillingFilesOptions(), alias="with")


class AwsBillingFilesStep(_FilesStep):
    """Reads the billing export that AWS delivers to the tenant's bucket into a staging table."""

    uses: Literal["aws_billing_files"]


class AzureBillingFilesStep(_FilesStep):
    """Reads the exports of actual and amortised costs that Azure delivers to the tenant's container into staging."""

    uses: Literal["azure_billing_files"]


class AwsFocusFilesStep(_FilesStep):
    """Reads the FOCUS export that AWS delivers to the tenant's bucket into a staging table."""

    uses: Literal["aws_focus_files"]


class AzureFocusFilesStep(_FilesStep):
    """Reads the FOCUS export that Azure delivers to the tenant's container into a staging table."""

    uses: Literal["azure_focus_files"]


class FocusFilesStep(_FilesStep):
    """Reads FOCUS files that anybody wrote, by month, into a staging table."""

    uses: Literal["focus_files"]


class SqlOptions(Strict):
    """The statement of the template's .sql file, and the table whose columns its result must have."""

    query: Name
    shape: Name


class SqlStep(_Step):
    """Runs a query into a staging table; `max_bytes_billed` is its own limit within the run's limit."""

    uses: Literal["sql"]
    with_: SqlOptions = Field(alias="with")
    max_bytes_billed: Bytes | None = None


Step = Annotated[
    ExportStep
    | AwsBillingFilesStep
    | AzureBillingFilesStep
    | AwsFocusFilesStep
    | AzureFocusFilesStep
    | FocusFilesStep
    | SqlStep,
    Field(discriminator="uses"),
]


class Lookup(Strict):
    """A CSV file under configs/<provider>/, named relative to the template's folder. SQL gets it as JSON."""

    file: Annotated[str, Text(r".*\.csv", "must be a file's name that ends in .csv")]
