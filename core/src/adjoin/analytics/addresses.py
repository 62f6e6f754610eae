"""A question as the parameters of an address, and back: what links, downloads and saved views are made of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, TypeAlias

from adjoin.analytics.v1 import Compare, Condition, Operator, Question, Threshold
from adjoin.errors import BadInput

__all__ = ["PARAMETERS", "Pairs", "condition_of", "question_from_query", "question_text", "question_to_query"]

#: Names and values in their order. A name may come several times.
Pairs: TypeAlias = tuple[tuple[str, str], ...]

#: What an address may say, in the order in which it is written. `where` and `having` may be repeated.
PARAMETERS: Final = (
    *("from", "to", "metrics", "by", "where", "having", "compare", "compared"),
    *("currency", "order", "search", "limit", "offset"),
)
_REPEATED: Final = frozenset({"where", "having"})

_MOST_NAMES: Final = 40  # metrics, dimensions, columns to order by
_MOST_CONDITIONS: Final = 30
_MOST_VALUES: Final = 200  # of one condition
_LONGEST_TEXT: Final = 500  # characters of a value or of what is searched
_LONGEST_WHOLE: Final = 6_000  # characters of all: proxies cut addresses of more than 8,000 bytes
_MOST_ROWS: Final = 10_000_000
_EARLIEST, _LATEST = date(1990, 1, 1), date(2199, 12, 31)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME = re.compile(r"[^\W\d]\w{0,99}")
_COLUMN = re.compile(rf"-?{_NAME.pattern}(\.before)?")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?")
_WHOLE = re.compile(r"[0-9]{1,8}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_CONDITION = re.compile(rf"({_NAME.pattern})(!=|!~|=|~)(.*)", re.DOTALL)
_PART = re.compile(r"(?:[^,\\]|\\.)*", re.DOTALL)

_SIGNS: Final = {Operator.IS: "=", Operator.IS_NOT: "!=", Operator.CONTAINS: "~", Operator.LACKS: "!~"}
_OPERATORS: Final = {sign: operator for operator, sign in _SIGNS.items()}
_COMPARED: Final = {one.value.replace(" ", "-"): one for one in Compare if one is not Compare.NOTHING}


def question_to_query(question: Question) -> Pairs:
    """Write a question as parameters; what is as if it was not asked is left out, so equal questions are written alike.

    Raises BadInput for one that cannot be read again: too long for an address, or with names that are none.
    """
    empty = next((one.dimension for one in question.where if not one.values), None)
    if empty is not None:
        raise BadInput(f"the condition on {empty} has no value")
    pairs = _written(question)
    question_from_query(pairs)
    return pairs


def question_text(question: Question) -> str:
    """Write a question for a person, as the parameters of an address look before they are encoded."""
    text = " ".join(f"{name}={value}" for name, value in _written(question))
    return text.encode("utf-8", "backslashreplace").decode()  # an argument of a command may be no text


def _written(question: Question) -> Pairs:
    pairs = [("from", str(question.since)), ("to", str(question.until)), ("metrics", ",".join(question.metrics))]
    pairs += [("by", ",".join(question.dimensions))] if question.dimensions else []
    pairs += [("where", _condition_text(one)) for one in question.where]
    pairs += [("having", _threshold_text(one)) for one in question.having]
    pairs += [("compare", question.compare.value.replace(" ", "-"))] if question.compare is not Compare.NOTHING else []
    if question.compare_since is not None or question.compare_until is not None:
        pairs.append(("compared", f"{question.compare_since or ''}..{question.compare_until or ''}"))
    pairs += [("currency", question.currency)] if question.currency is not None else []
    pairs += [("order", ",".join(question.order_by))] if question.order_by else []
    pairs += [("search", question.search)] if question.search else []
    pairs += [("limit", str(question.limit))] if question.limit is not None else []
    pairs += [("offset", str(question.offset))] if question.offset else []
    return tuple(pairs)


def question_from_query(pairs: Iterable[tuple[str, str]]) -> Question:
    """Read a question from parameters.

    Whether metrics, dimensions and values exist is not looked at. Raises BadInput, naming the parameter, for one that
    is not known, missing, repeated, too long or malformed, and for days the wrong way round.
    """
    given = _gathered(pairs)
    first, last = _day("from", _one(given, "from")), _day("to", _one(given, "to"))
    if first > last:
        raise BadInput(f"the days are the wrong way round: from={first} lies after to={last}")
    compare_first, compare_last = _compared(given)
    return Question(
        since=first,
        until=last,
        metrics=_names("metrics", _one(given, "metrics"), _NAME),
        dimensions=_names("by", _one(given, "by"), _NAME) if "by" in given else (),
        where=_conditions(given["where"]),
        having=_thresholds(given["having"]),
        compare=_compare(given),
        compare_since=compare_first,
        compare_until=compare_last,
        currency=_currency(_one(given, "currency")) if "currency" in given else None,
        order_by=_names("order", _one(given, "order"), _COLUMN) if "order" in given else (),
        search=_one(given, "search") if "search" in given else "",
        limit=_whole("limit", _one(given, "limit"), least=1) if "limit" in given else None,
        offset=_whole("offset", _one(given, "offset"), least=0) if "offset" in given else 0,
    )


def condition_of(text: str, *, of: str = "where") -> Condition:
    r"""Read a condition: `platform=google,meta`, `status!=paused`, `campaign~brand`, `campaign!~test`.

    A comma or a backslash that belongs to a value has a backslash before it: `campaign=Shoes\, red`. Raises BadInput,
    which calls the parameter or option by `of`.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadInput(
            f"{of}={_shown(text)} is no condition: write a dimension, then = (is), != (is not), ~ (contains) or !~ "
            "(does not contain), then values with commas between, such as platform=google,meta"
        )
    values = _values(found[3])
    if len(values) > _MOST_VALUES:
        raise BadInput(f"{of} of {found[1]} names {len(values)} values; at most {_MOST_VALUES} are taken")
    if max(map(len, values)) > _LONGEST_TEXT:
        raise BadInput(f"a value of {of} of {found[1]} is longer than {_LONGEST_TEXT} characters")
    return Condition(dimension=found[1], values=values, operator=_OPERATORS[found[2]])


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = defaultdict(list)
    length = 0
    for name, value in pairs:
        if name not in PARAMETERS:
            raise BadInput(f"there is no parameter {_shown(name)}; there are {', '.join(PARAMETERS)}")
        length += len(name) + len(value) + 2
        given[name].append(value)
    if length > _LONGEST_WHOLE:
        raise BadInput(
            f"the question is too long for an address: {length:,} characters, and at most {_LONGEST_WHOLE:,} are "
            "taken; name fewer values"
        )
    for name, values in given.items():
        if len(values) > 1 and name not in _REPEATED:
            raise BadInput(f"the parameter {name} is there {len(values)} times; give it once")
    for name in _REPEATED:
        if len(given[name]) > _MOST_CONDITIONS:
            raise BadInput(
                f"the parameter {name} is there {len(given[name])} times; at most {_MOST_CONDITIONS} are taken"
            )
    return given


def _one(given: dict[str, list[str]], name: str) -> str:
    if not given.get(name):
        raise BadInput(f"the parameter {name} is missing; a question needs from, to and metrics")
    value = given[name][0]
    if len(value) > (_LONGEST_TEXT if name == "search" else _LONGEST_WHOLE):
        raise BadInput(f"the parameter {name} is longer than {_LONGEST_TEXT} characters")
    return value


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _EARLIEST <= day <= _LATEST:
        raise BadInput(f"{name}={_shown(text)} is no day between {_EARLIEST.year} and {_LATEST.year}; write 2026-11-20")
    return day


def _names(name: str, text: str, allowed: re.Pattern[str]) -> tuple[str, ...]:
    names = tuple(text.split(","))
    wrong = [one for one in names if not allowed.fullmatch(one)]
    if wrong:
        raise BadInput(
            f"{name}={_shown(text)} has {_shown(wrong[0])} in it, which is no name; put commas between names"
        )
    if len(names) > _MOST_NAMES:
        raise BadInput(f"{name} has {len(names)} names; at most {_MOST_NAMES} are taken")
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise BadInput(f"{name} names {twice} twice")
    return names


def _conditions(texts: Sequence[str]) -> tuple[Condition, ...]:
    return tuple(condition_of(text) for text in texts)


def _values(text: str) -> tuple[str, ...]:
    if text.endswith("\\") and (len(text) - len(text.rstrip("\\"))) % 2:
        raise BadInput(f"{_shown(text)} ends in a backslash with nothing after it; write two for one")
    parts, start = [], 0
    while True:
        found = _PART.match(text, start)
        if found is None:
            raise RuntimeError("the pattern takes the empty text")
        parts.append(re.sub(r"\\(.)", r"\1", found[0], flags=re.DOTALL))
        if found.end() == len(text):
            return tuple(parts)
        start = found.end() + 1


def _condition_text(one: Condition) -> str:
    values = ",".join(value.replace("\\", "\\\\").replace(",", "\\,") for value in one.values)
    return f"{one.dimension}{_SIGNS[one.operator]}{values}"


def _thresholds(texts: Sequence[str]) -> tuple[Threshold, ...]:
    return tuple(_threshold(text) for text in texts)


def _threshold(text: str) -> Threshold:
    metric, _, bounds = text.partition("=")
    least, dots, most = bounds.partition("..")
    if not (_NAME.fullmatch(metric) and dots and (least or most)) or not all(
        _NUMBER.fullmatch(one) for one in (least, most) if one
    ):
        raise BadInput(
            f"having={_shown(text)} is no bound: write a metric, =, and from..to, such as cost=100..200, cost=100.. "
            "or cost=..200"
        )
    at_least, at_most = (Decimal(one) if one else None for one in (least, most))
    if at_least is not None and at_most is not None and at_least > at_most:
        raise BadInput(f"having={text} is the wrong way round: nothing is above {least} and below {most}")
    return Threshold(metric=metric, at_least=at_least, at_most=at_most)


def _threshold_text(one: Threshold) -> str:
    return f"{one.metric}={'..'.join('' if bound is None else f'{bound:f}' for bound in (one.at_least, one.at_most))}"


def _compare(given: dict[str, list[str]]) -> Compare:
    if "compare" not in given:
        return Compare.NOTHING
    text = _one(given, "compare")
    if text not in _COMPARED:
        raise BadInput(f"compare={_shown(text)} is not known; there are {', '.join(_COMPARED)}")
    return _COMPARED[text]


def _compared(given: dict[str, list[str]]) -> tuple[date | None, date | None]:
    if "compared" not in given:
        return None, None
    text = _one(given, "compared")
    first, dots, last = text.partition("..")
    if not dots:
        raise BadInput(f"compared={_shown(text)} are no days: write 2026-10-01..2026-10-31")
    since, until = _day("compared", first), _day("compared", last)
    if since > until:
        raise BadInput(f"the days are the wrong way round: compared={text}")
    return since, until


def _currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise BadInput(f"currency={_shown(text)} is no currency; write three letters, such as EUR")
    return text


def _whole(name: str, text: str, *, least: int) -> int:
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= _MOST_ROWS:
        raise BadInput(f"{name}={_shown(text)} is no whole number between {least} and {_MOST_ROWS:,}")
    return int(text)


def _shown(text: str) -> str:
    """Quote what somebody wrote, shortened, without what would break a line."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
