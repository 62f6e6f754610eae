"""From which day to which a campaign is to run, as a change of it says."""

from __future__ import annotations

from datetime import date, datetime

from adjoin.testing.world import WorldCampaign
from adjoin_google.sandbox.catalog import snake
from adjoin_google.sandbox.drafts import Draft
from adjoin_google.sandbox.operations import Operation

__all__ = ["given_days"]


def given_days(operation: Operation, draft: Draft, known: WorldCampaign | None) -> tuple[date | None, date | None]:
    """Return the first and the last day that are given; refuses days that have passed, and the wrong order."""
    start, end = _day(operation, "startDateTime"), _day(operation, "endDateTime")
    for key, day in (("startDateTime", start), ("endDateTime", end)):
        if day is not None and day < draft.today:
            raise operation.problem(
                "campaignError", "CANNOT_SET_DATE_TO_PAST", "The date cannot be set to the past.", snake(key)
            )
    begin = start or (known.start_date if known else draft.today)
    if end is not None and end < begin:
        raise operation.problem(
            "dateRangeError", "START_DATE_AFTER_END_DATE", "The start date is after the end date.", "end_date_time"
        )
    return start, end


def _day(operation: Operation, key: str) -> date | None:
    given = operation.value.get(key)
    if given is None:
        return None
    try:
        moment = datetime.strptime(str(given), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - of the account's zone
    except ValueError:
        raise operation.problem(
            "dateError",
            "INVALID_STRING_DATE_TIME_SECONDS",
            "The string date time's format should be yyyy-mm-dd hh:mm:ss.",
            snake(key),
            trigger=str(given),
        ) from None
    wanted = "00:00:00" if key == "startDateTime" else "23:59:59"
    if f"{moment:%H:%M:%S}" != wanted:
        code = "START_TIME_MUST_BE_THE_START" if key == "startDateTime" else "END_TIME_MUST_BE_THE_END"
        raise operation.problem(
            "dateError", f"DATE_RANGE_ERROR_{code}_OF_A_DAY", f"The time must be {wanted}.", snake(key),
            trigger=str(given),
        )  # fmt: skip
    return moment.date()
