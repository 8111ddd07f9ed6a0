"""A tenant's virtual tags: ordered rules that give each charge a value. The first rule that matches wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.domain.cost_properties import Property, read_property

MAX_TAGS, MAX_CONDITIONS, MAX_VALUES = 20, 300, 2_000
Operator = Literal["equals", "starts_with", "contains"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
_MATCHES: Mapping[Operator, Callable[[str, str], bool]] = {
    "equals": lambda value, wanted: value == wanted,
    "starts_with": lambda value, wanted: value.startswith(wanted),
    "contains": lambda value, wanted: wanted in value,
}
Value = Annotated[str, Field(min_length=1, max_length=256)]


def _check_property(text: str) -> str:
    if read_property(text).kind == "virtual":
        raise ValueError("must not be another virtual tag")
    return text


class TagCondition(BaseModel):
    """A property of a charge, and how it has to compare with at least one of some texts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    property: Annotated[str, AfterValidator(_check_property)]
    operator: Operator = "equals"
    values: Annotated[tuple[Annotated[str, Field(max_length=512)], ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _check_values(self) -> TagCondition:
        if self.operator != "equals" and "" in self.values:
            raise ValueError(f"every text {self.operator.replace('_', ' ')} the empty one")
        return self

    def of(self) -> Property:
        """The property that is compared."""
        return read_property(self.property)


class TagRule(BaseModel):
    """A value, and the conditions that a charge has to meet, all of them, to get it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Value
    when: Annotated[tuple[TagCondition, ...], Field(min_length=1, max_length=10)]


class VirtualTagRequest(BaseModel):
    """The rules of a virtual tag in order, and the value of charges that no rule matches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: Annotated[tuple[TagRule, ...], Field(min_length=1, max_length=100)]
    default: Value | None = None

    @model_validator(mode="after")
    def _check_size(self) -> VirtualTagRequest:
        conditions = [condition for rule in self.rules for condition in rule.when]
        if len(conditions) > MAX_CONDITIONS or sum(len(condition.values) for condition in conditions) > MAX_VALUES:
            raise ValueError(f"the rules may have {MAX_CONDITIONS} conditions and {MAX_VALUES} values at most")
        return self

    @property
    def properties(self) -> frozenset[Property]:
        """The properties that the rules look at."""
        return frozenset(condition.of() for rule in self.rules for condition in rule.when)


VirtualTags = Mapping[str, VirtualTagRequest]
NO_TAGS: VirtualTags = MappingProxyType({})


def value_of(tag: VirtualTagRequest, charge: Mapping[Property, str | None]) -> str | None:
    """The value that the rules give a charge. A property that the charge lacks is the empty text."""
    return next((rule.value for rule in tag.rules if _meets(rule.when, charge)), tag.default)


def _meets(conditions: Sequence[TagCondition], charge: Mapping[Property, str | None]) -> bool:
    return all(
        any(_MATCHES[condition.operator](charge.get(condition.of()) or "", wanted) for wanted in condition.values)
        for condition in conditions
    )
