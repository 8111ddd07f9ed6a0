"""Maps the columns of FOCUS files of any version to those of FOCUS 1.2 to 1.4, and finds the version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from shared.connectors.objects.column_names import letters_of, places_of
from shared.errors import StepRefused

# Every version of FOCUS has these columns, and without them no cost can be computed.
REQUIRED = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodStart",
    "EffectiveCost",
)
# Names of FOCUS 1.0-preview, and columns with which providers anticipated a later version.
_ALIASES = {
    "invoiceissuer": "InvoiceIssuerName",
    "provider": "ProviderName",
    "publisher": "PublisherName",
    "region": "RegionName",
    "usagequantity": "ConsumedQuantity",
    "usageunit": "ConsumedUnit",
    "xinvoiceid": "InvoiceId",
    "xondemandcost": "ContractedCost",
    "xondemandunitprice": "ContractedUnitPrice",
    "xpricingcurrency": "PricingCurrency",
    "xskumetername": "SkuMeter",
    "xusagetype": "SkuMeter",
}
_FIRST_OF_VERSION = (  # the newest version first; a file has the first version in this list that has one of its columns
    ("1.4", {"invoicedetailid", "commitmentprogrameligibilitydetails"}),
    ("1.3", {"serviceprovidername", "hostprovidername", "contractapplied", "allocatedmethodid"}),
    ("1.2", {"invoiceid", "pricingcurrency"}),
    ("1.1", {"skumeter", "servicesubcategory", "capacityreservationid"}),
    ("1.0", {"chargeclass", "contractedcost"}),
)
_OF_GOOGLE = frozenset({"xexporttime", "xcredits"})


@dataclass(frozen=True)
class Columns:
    """The places of a file's columns in the table; `others` are unknown columns, of a provider or of nobody."""

    version: str
    own: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def place_columns(names: Sequence[str], known: Collection[str], *, file: str) -> Columns:
    """Find each column's place. It raises StepRefused for missing columns, and for files of Google's own export."""
    letters = {name: letters_of(name) for name in names}
    given = set(letters.values())
    if given >= _OF_GOOGLE:
        raise StepRefused(
            f"{file} is of Google's own FOCUS export, whose rows have no service category and are corrected by other"
            " rows; gcp/cost/billing loads the detailed export instead"
        )
    found = Columns(_version(given), *places_of(names, letters, known, _ALIASES))
    if missing := [name for name in REQUIRED if name not in found.own.values()]:
        raise StepRefused(f"{file} is no FOCUS file: it lacks {', '.join(missing)}")
    return found


def _version(letters: Collection[str]) -> str:
    return next((version for version, first in _FIRST_OF_VERSION if first & set(letters)), "1.0-preview")
