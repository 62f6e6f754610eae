"""The naming conventions of a workspace, whose fields become dimensions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from adjoin.access import audit
from adjoin.analytics import v1
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.custom._stored import no_tables, read_stored, stored
from adjoin_analytics.custom.metrics import stored_metrics
from adjoin_analytics.custom.patterns import NAME, read_pattern
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import SUMS, built_in_metrics
from adjoin_analytics.tables import StoredField

__all__ = [
    "OBJECTS_WITH_NAMES",
    "check_object",
    "define_field",
    "fields_in",
    "forget_field",
    "names_of_fields",
    "stored_fields",
]

#: The objects whose names may follow a convention.
OBJECTS_WITH_NAMES = ("account", "campaign", "ad_group", "ad")

_MOST = 50
_MOST_VALUES, _LONGEST_VALUE = 1000, 200


def stored_fields(context: v1.AnalyticsContext) -> tuple[v1.CustomField, ...]:
    """Return the conventions by name."""
    return read_stored(context, lambda session: fields_in(session, context.workspace_id), nothing=())


def fields_in(session: Session, workspace_id: str) -> tuple[v1.CustomField, ...]:
    """Return the conventions of a workspace by name, from a session."""
    return tuple(
        v1.CustomField(name=row.name, of=row.of, pattern=row.pattern, values=row.mapped)
        for row in stored(session, workspace_id, StoredField)
    )


def names_of_fields(context: v1.AnalyticsContext, *, but: str = "") -> set[str]:
    """Return the fields of all conventions, or of all but one."""
    kept = stored_fields(context)
    return {name for one in kept if one.name != but for name in read_pattern(one.pattern).fields}


def define_field(context: v1.AnalyticsContext, convention: v1.CustomField, *, by: str) -> None:
    """Store a naming convention in place of the one with its name, and note it in the audit log.

    Raises BadInput for a pattern that cannot be read, for an object that has no names, for fields whose names are taken
    and for values of fields that the pattern does not have; StateError where the plugin's tables are not there.
    """
    check_field(context, convention)
    values = {name: dict(found) for name, found in convention.values.items() if found}
    try:
        with context.write() as session:
            before = session.get(StoredField, (context.workspace_id, convention.name))
            told = None if before is None else _told(before)
            row = before or StoredField(
                workspace_id=context.workspace_id, name=convention.name, of="", pattern="", mapped={}
            )
            row.of, row.pattern, row.mapped = convention.of, convention.pattern.strip(), values
            session.add(row)
            audit.record(
                session,
                workspace_id=context.workspace_id,
                actor=by,
                action="naming.defined",
                object_kind="naming",
                object_id=convention.name,
                before=told,
                after=_told(row),
                now=context.now(),
            )
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def check_field(context: v1.AnalyticsContext, convention: v1.CustomField) -> None:
    """Raise BadInput for a convention that cannot be stored, saying what is wrong with it."""
    if not NAME.fullmatch(convention.name):
        raise BadInput(
            f"A naming convention cannot be named {convention.name!r}: use small letters, digits and underscores, "
            "beginning with a letter, at most 40."
        )
    check_object(convention.of)
    pattern = read_pattern(convention.pattern.strip())
    taken = {one.name for one in built_in_metrics({})} | {name for one in BUILT_IN for name in one.columns} | set(SUMS)
    taken |= {one.name for one in BUILT_IN} | {"date"} | {one.name for one in stored_metrics(context)}
    for name in pattern.fields:
        if name in taken:
            raise BadInput(f"The field {name!r} has the name of a metric or dimension; choose another one.")
    others = names_of_fields(context, but=convention.name)
    if twice := sorted(others & set(pattern.fields)):
        raise BadInput(f"Another naming convention has the field {', '.join(twice)} already; choose another name.")
    for name, mapped in convention.values.items():
        if name not in pattern.fields:
            raise BadInput(
                f"There are values for {name!r}, and the pattern has the fields {', '.join(pattern.fields)}."
            )
        if len(mapped) > _MOST_VALUES:
            raise BadInput(f"There are {len(mapped)} values for {name!r}; {_MOST_VALUES} are the most.")
        if any(len(text) > _LONGEST_VALUE for pair in mapped.items() for text in pair):
            raise BadInput(f"A value for {name!r} has more than {_LONGEST_VALUE} characters.")
    kept = stored_fields(context)
    if len(kept) >= _MOST and convention.name not in {one.name for one in kept}:
        raise BadInput(f"A workspace has at most {_MOST} naming conventions; delete one that is not used.")


def check_object(name: str) -> None:
    """Raise BadInput for an object that has no names."""
    if name not in OBJECTS_WITH_NAMES:
        raise BadInput(f"Names can be read of {', '.join(OBJECTS_WITH_NAMES)}, not of {name!r}.")


def forget_field(context: v1.AnalyticsContext, name: str, *, by: str) -> None:
    """Remove a naming convention and note it in the audit log. Raises UnknownName."""
    try:
        with context.write() as session:
            row = session.get(StoredField, (context.workspace_id, name))
            if row is None:
                raise UnknownName(f"This workspace has no naming convention {name!r}.")
            audit.record(
                session,
                workspace_id=context.workspace_id,
                actor=by,
                action="naming.forgotten",
                object_kind="naming",
                object_id=name,
                before=_told(row),
                now=context.now(),
            )
            session.delete(row)
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def _told(row: StoredField) -> dict[str, Any]:
    return {"of": row.of, "pattern": row.pattern, "values": row.mapped}
