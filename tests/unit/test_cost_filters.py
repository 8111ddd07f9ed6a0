"""What a filter of GET costs says: conditions, alternatives, tags, escaped characters, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.cost_properties import GROUPS, Property, read_filters, read_property, write_condition, write_property

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def escaped(text: str) -> str:
    return re.sub(r"([\\;=])", r"\\\1", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("service:BigQuery", {Property("column", "service"): ("BigQuery",)}),
        ("service:A;service:B", {Property("column", "service"): ("A", "B")}),
        (
            "region:;tag:team=data",
            {Property("column", "region"): ("",), Property("tag", "team"): ("data",)},
        ),
        ("sku:a:b=c", {Property("column", "sku"): ("a:b=c",)}),
        ("tag:aws:createdBy=me", {Property("tag", "aws:createdBy"): ("me",)}),
        ("tag:=x", None),
        ("tag:team", None),
        ("colour:red", None),
        ("service", None),
        ("", None),
        ("service:a;", None),
        (";service:a", None),
        ("service:a\\", None),
        ("service:a\\b", None),
        ("service:" + 513 * "x", None),
        (";".join(["service:a"] * 21), None),
    ],
)
def test_a_filter_is_read_as_written(text: str, found: dict[Property, tuple[str, ...]] | None) -> None:
    if found is None:
        with pytest.raises(ValueError, match=r"^must "):
            read_filters(text)
    else:
        assert read_filters(text) == found


@given(
    columns=st.lists(st.tuples(st.sampled_from(sorted(GROUPS)), TEXTS), max_size=5),
    tags=st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=5),
)
def test_whatever_is_escaped_comes_back(columns: list[tuple[str, str]], tags: list[tuple[str, str]]) -> None:
    wanted: dict[Property, tuple[str, ...]] = {}
    for named, value in [
        *((Property("column", name), value) for name, value in columns),
        *((Property("tag", key), value) for key, value in tags),
    ]:
        wanted[named] = (*wanted.get(named, ()), value)
    conditions = [f"{name}:{escaped(value)}" for name, value in columns]
    conditions += [f"tag:{escaped(key)}={escaped(value)}" for key, value in tags]
    if conditions:
        assert read_filters(";".join(conditions)) == wanted


@given(st.one_of(st.sampled_from(sorted(GROUPS)), TEXTS.filter(bool).map("tag:{}".format)), TEXTS)
def test_a_condition_that_was_written_for_a_group_is_read_as_that_group(group_by: str, value: str) -> None:
    named = read_property(group_by)
    assert read_filters(write_condition(group_by, value)) == {named: (value,)}
    assert write_property(named) == group_by
