"""What a query asks for, checked against the field catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from adjoin_google.sandbox.catalog import (
    ACTION_SEGMENTS,
    CONVERSION_METRICS,
    DATE_SEGMENTS,
    METRIC_RESOURCES,
    RESOURCES,
    SHARE_METRICS,
    Field,
    enum_values,
    find,
)
from adjoin_google.sandbox.changetimes import CHANGE_TIMES, Changes, asked_changes
from adjoin_google.sandbox.dates import Span, months_back, span_of
from adjoin_google.sandbox.errors import Refusal, invalid
from adjoin_google.sandbox.gaql import Condition, Order, Query, Value, query_error

__all__ = ["Plan", "Test", "plan"]

_SHARE_RESOURCES = frozenset({"customer", "campaign", "ad_group"})
_ACTION_RESOURCES = frozenset({"customer", "campaign", "ad_group", "ad_group_ad", "asset_group"})
_NETWORK_RESOURCES = frozenset({"customer", "campaign", "ad_group", "ad_group_ad", "asset_group"})

_ANY = frozenset({"=", "!=", "IN", "NOT IN", "IS NULL", "IS NOT NULL"})
_ORDERED = _ANY | {"<", "<=", ">", ">=", "BETWEEN"}
_TEXT = _ORDERED | {"LIKE", "NOT LIKE", "REGEXP_MATCH", "NOT REGEXP_MATCH"}
_OPERATORS = {
    "int64": _ORDERED,
    "int32": _ORDERED,
    "double": _ORDERED,
    "string": _TEXT,
    "enum": _ANY,
    "bool": frozenset({"=", "!=", "IS NULL", "IS NOT NULL"}),
}
_REPEATED = frozenset({"CONTAINS ANY", "CONTAINS ALL", "CONTAINS NONE", "IS NULL", "IS NOT NULL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A condition on a field that is known."""

    field: Field
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A query that can be answered. `tests` leaves out the conditions that `span` and `changes` hold."""

    resource: str
    attributes: tuple[Field, ...]
    segments: tuple[Field, ...]
    metrics: tuple[Field, ...]
    tests: tuple[Test, ...]
    span: Span
    changes: Changes | None
    order: tuple[Order, ...]
    limit: int | None
    resource_names: bool
    fields: tuple[Field, ...]

    @property
    def is_facts(self) -> bool:
        """Whether results are asked for, or anything that only results have."""
        return bool(self.segments or self.metrics) or any(
            test.field.resource in ("segments", "metrics") for test in self.tests
        )

    @property
    def shown(self) -> tuple[str, ...]:
        """The resources that a row has: FROM's, and those whose attributes are selected."""
        return tuple(dict.fromkeys([self.resource, *(field.resource for field in self.attributes)]))


def plan(query: Query, *, today: date, manager: bool) -> Plan:
    """Check a query for a customer; refuses what cannot be selected, or not together."""
    if query.resource not in RESOURCES:
        raise query_error(
            "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", f"Error in FROM clause: invalid resource type '{query.resource}'."
        )
    named = [*query.fields, *(condition.field for condition in query.conditions), *(o.field for o in query.order)]
    if unknown := list(dict.fromkeys(name for name in named if find(name) is None)):
        names = ", ".join(f"'{name}'" for name in unknown)
        raise query_error("UNRECOGNIZED_FIELD", f"Unrecognized fields in the query: {names}.")
    fields = tuple(_field(name) for name in query.fields)
    tests = tuple(_test(condition) for condition in query.conditions)
    _check_resources(query.resource, fields, "SELECT")
    _check_resources(query.resource, (test.field for test in tests), "WHERE")
    _check_order(query)
    used = [*fields, *(test.field for test in tests)]
    _check_results(query.resource, used, manager=manager)
    selected = {field.name for field in fields}
    for test in tests:
        name = test.field.name
        if test.field.resource == "segments" and name not in DATE_SEGMENTS and name not in selected:
            raise query_error(
                "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
                f"The following field must be present in SELECT clause: '{name}'.",
            )
    changes = asked_changes(query, today)
    time_field = CHANGE_TIMES.get(query.resource, ("",))[0]
    return Plan(
        resource=query.resource,
        attributes=tuple(field for field in fields if field.resource not in ("segments", "metrics")),
        segments=tuple(field for field in fields if field.resource == "segments"),
        metrics=tuple(field for field in fields if field.resource == "metrics"),
        tests=tuple(test for test in tests if test.field.name not in DATE_SEGMENTS | {time_field}),
        span=_span(query, used, today),
        changes=changes,
        order=query.order,
        limit=query.limit,
        resource_names=query.keeps_resource_names,
        fields=fields,
    )


def _field(name: str) -> Field:
    found = find(name)
    assert found is not None
    return found


def _test(condition: Condition) -> Test:
    """Check that operator and values suit the field."""
    field, operator = _field(condition.field), condition.operator
    if field.kind == "message":
        raise query_error(
            "PROHIBITED_FIELD_IN_WHERE_CLAUSE", f"Error in WHERE clause: cannot filter by the field '{field.name}'."
        )
    # Conditions on days are read, and refused, as a range.
    if field.name not in DATE_SEGMENTS:
        allowed = _REPEATED if field.repeated else _OPERATORS[field.kind]
        if operator == "DURING" and field.name in {known[0] for known in CHANGE_TIMES.values()}:
            allowed = allowed | {"DURING"}
        if operator not in allowed:
            raise query_error(
                "OPERATOR_FIELD_MISMATCH",
                f"Error in WHERE clause: operator '{operator}' cannot be used with the field '{field.name}'.",
            )
        for value in condition.values:
            _check_value(field, operator, value)
    return Test(field=field, operator=operator, values=condition.values)


def _check_value(field: Field, operator: str, value: Value) -> None:
    def refusal(code: str) -> Refusal:
        return query_error(code, f"Error in WHERE clause: invalid value '{value.text}' for the field '{field.name}'.")

    if field.kind == "enum" and value.text not in enum_values(field.enum):
        raise refusal("BAD_ENUM_CONSTANT")
    if field.kind in ("int64", "int32") and not re.fullmatch(r"-?\d+", value.text):
        raise refusal("BAD_NUMBER")
    if field.kind == "double" and not re.fullmatch(r"-?\d+(\.\d+)?", value.text):
        raise refusal("BAD_NUMBER")
    if field.kind == "bool" and value.text.upper() not in ("TRUE", "FALSE"):
        raise refusal("BAD_VALUE")
    if field.kind == "string" and value.kind == "word" and operator != "DURING":
        raise refusal("BAD_VALUE")
    if operator.endswith("REGEXP_MATCH"):
        try:
            re.compile(value.text)
        except re.error:
            raise refusal("INVALID_STRING_VALUE") from None


def _check_resources(resource: str, fields: Iterable[Field], clause: str) -> None:
    for field in fields:
        if field.resource not in (resource, *RESOURCES[resource], "segments", "metrics"):
            raise query_error(
                f"PROHIBITED_RESOURCE_TYPE_IN_{clause}_CLAUSE",
                f"Error in {clause} clause: cannot use the resource '{field.resource}' with '{resource}' in the FROM "
                "clause.",
            )


def _check_order(query: Query) -> None:
    for order in query.order:
        field = _field(order.field)
        if field.kind == "message" or field.repeated:
            raise query_error(
                "PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE", f"Error in ORDER BY clause: cannot order by '{field.name}'."
            )
        _check_resources(query.resource, (field,), "SELECT")
        if field.resource != query.resource and field.name not in query.fields:
            raise query_error(
                "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
                f"The following field must be present in SELECT clause: '{field.name}'.",
            )


def _check_results(resource: str, used: Sequence[Field], *, manager: bool) -> None:
    """Check metrics and segments against the resource and each other."""
    metrics = sorted({field.name for field in used if field.resource == "metrics"})
    segments = sorted({field.name for field in used if field.resource == "segments"})
    if manager and metrics:
        raise query_error(
            "REQUESTED_METRICS_FOR_MANAGER",
            "Metrics cannot be requested for a manager account. To retrieve metrics, issue separate requests against "
            "each client account under the manager account.",
        )
    results = resource in METRIC_RESOURCES
    for name in metrics:
        if not results or (name in SHARE_METRICS and resource not in _SHARE_RESOURCES):
            raise query_error(
                "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
                f"The following metrics cannot be selected or filtered on: '{name.partition('.')[2]}', since "
                f"metric is incompatible with the resource in the FROM clause: '{resource}'.",
            )
    for name in segments:
        fits = results
        if name in ACTION_SEGMENTS:
            fits = resource in _ACTION_RESOURCES
        elif name == "segments.ad_network_type":
            fits = resource in _NETWORK_RESOURCES
        if not fits:
            raise query_error(
                "PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE",
                f"The following segments cannot be selected or filtered on: '{name.partition('.')[2]}', since "
                f"segment is incompatible with the resource in the FROM clause: '{resource}'.",
            )
    wrong = [name for name in metrics if name not in CONVERSION_METRICS]
    by_action = [name for name in segments if name in ACTION_SEGMENTS]
    if by_action and wrong:
        raise query_error(
            "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
            f"The following segments cannot be selected or filtered on: '{by_action[0].partition('.')[2]}', since "
            f"segment is incompatible with the metrics: '{', '.join(name.partition('.')[2] for name in wrong)}'.",
        )


def _span(query: Query, used: Sequence[Field], today: date) -> Span:
    """Return the days asked for; refuses an open range where a day is selected or filtered by, and days too old."""
    conditions = [condition for condition in query.conditions if condition.field in DATE_SEGMENTS]
    span = span_of(conditions, today)
    names = {field.name for field in used}
    needs = bool(names & DATE_SEGMENTS) or query.resource == "search_term_view"
    if needs and (span.since is None or span.until is None):
        raise query_error(
            "EXPECTED_FILTERS_ON_DATE_RANGE",
            "The following core date segment(s) must be filtered by a finite range in the WHERE clause: "
            f"'{', '.join(sorted(names & DATE_SEGMENTS)) or 'segments.date'}'.",
        )
    daily = names & {"segments.date", "segments.week", "segments.day_of_week"}
    months = 37 if daily else 11 * 12
    if span.since is not None and span.since < months_back(today, months):
        raise invalid(
            "dateRangeError",
            "REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED",
            f"The requested date granularity is not available for dates before {months_back(today, months)}.",
        )
    return span
