"""Defines a tenant's rules: a monthly budget, a search for anomalies, and the webhook that gets the alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.domain.alerts.addresses import check_url
from shared.domain.costs import check_filter
from shared.domain.requests.texts import Text

RuleName = Literal["budget", "anomalies", "webhook"]
_AMOUNT_DIGITS, _AMOUNT_DECIMALS = 29, 9  # as NUMERIC


def _spelled_as_amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('must be an amount as a string, such as "1000.50"')
    return value


def _sorted(values: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(values)) < len(values):
        raise ValueError("has a value twice")
    return tuple(sorted(values))


# A JSON number with a fraction is a binary fraction for most programs, so an amount is a string.
Amount = Annotated[
    Decimal,
    Field(gt=0, max_digits=_AMOUNT_DIGITS, decimal_places=_AMOUNT_DECIMALS, allow_inf_nan=False),
    BeforeValidator(_spelled_as_amount),
]
Currency = Annotated[str, Text("[A-Z]{3}", "must be a currency's code of three capital letters, such as USD")]
Metric = Literal["billed", "effective"]
Filter = Annotated[str, AfterValidator(check_filter)]


class BudgetRule(BaseModel):
    """A monthly budget in one currency. Each threshold is a percentage of the amount."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: Amount
    currency: Currency
    metric: Metric = "billed"
    filter: Filter | None = None
    thresholds: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000, strict=True)], ...],
        Field(min_length=1, max_length=10),
        AfterValidator(_sorted),
    ] = (50, 80, 100)


class AnomalyRule(BaseModel):
    """A daily search for services that cost far more than usual.

    A day is an anomaly if its cost exceeds the median of the days before it by more than `sensitivity` times their
    usual deviation, and by at least `minimum_amount`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum_amount: Amount
    currency: Currency
    metric: Metric = "billed"
    filter: Filter | None = None
    sensitivity: Annotated[int, Field(ge=1, le=20, strict=True)] = 5


class WebhookRule(BaseModel):
    """The address that gets the alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(max_length=2048), AfterValidator(check_url)]


MODELS: Mapping[RuleName, type[BudgetRule | AnomalyRule | WebhookRule]] = {
    "budget": BudgetRule,
    "anomalies": AnomalyRule,
    "webhook": WebhookRule,
}


def rule_of(path: str) -> RuleName:
    """The rule whose name a path of the API ends with."""
    return next(rule for rule in MODELS if path.endswith(f"/{rule}"))


class StoredRule(BaseModel):
    """A rule as it is stored. `rule_id` is new with each change."""

    model_config = ConfigDict(frozen=True)

    rule: RuleName
    rule_id: str
    settings: Mapping[str, Any]
    set_at: datetime
    set_by_user_id: str | None = None


class Rules(BaseModel):
    """The rules that a tenant has."""

    model_config = ConfigDict(frozen=True)

    budget: BudgetRule | None = None
    anomalies: AnomalyRule | None = None
    webhook: StoredRule | None = None
    budget_set_at: datetime | None = None

    @staticmethod
    def of(stored: Mapping[str, StoredRule]) -> Rules:
        """The rules of the stored rows, by name."""
        budget, anomalies = stored.get("budget"), stored.get("anomalies")
        return Rules(
            budget=BudgetRule.model_validate(budget.settings) if budget else None,
            anomalies=AnomalyRule.model_validate(anomalies.settings) if anomalies else None,
            webhook=stored.get("webhook"),
            budget_set_at=budget.set_at if budget else None,
        )

    @property
    def watches(self) -> bool:
        """Whether a rule can alert."""
        return self.budget is not None or self.anomalies is not None
