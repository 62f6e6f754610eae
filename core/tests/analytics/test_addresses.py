"""Questions as the parameters of an address, and back."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.analytics.addresses import condition_of, question_from_query, question_text, question_to_query
from adjoin.analytics.v1 import Compare, Condition, Operator, Question, Threshold
from adjoin.errors import BadInput

SINCE, UNTIL = date(2026, 10, 1), date(2026, 10, 31)
LEAST = (("from", "2026-10-01"), ("to", "2026-10-31"), ("metrics", "cost"))

names = st.from_regex(r"[a-z_äß][a-z0-9_ø]{0,12}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.decimals(min_value=-(10**9), max_value=10**9, places=6, allow_nan=False)
days = st.dates(date(1990, 1, 1), date(2199, 1, 1))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    some = st.lists(names, unique=True, max_size=4).map(tuple)
    since, compared = draw(days), draw(st.none() | days)
    return Question(
        since=since,
        until=since + timedelta(days=draw(st.integers(0, 300))),
        metrics=draw(st.lists(names, unique=True, min_size=1, max_size=4).map(tuple)),
        dimensions=draw(some),
        where=draw(
            st.lists(
                st.builds(
                    Condition,
                    dimension=names,
                    values=st.lists(texts, min_size=1, max_size=4).map(tuple),
                    operator=st.sampled_from(Operator),
                ),
                max_size=3,
            ).map(tuple)
        ),
        having=draw(
            st.lists(
                st.one_of(
                    st.builds(Threshold, metric=names, at_least=numbers),
                    st.builds(Threshold, metric=names, at_most=numbers),
                    st.builds(Threshold, metric=names, at_least=numbers, at_most=numbers.map(lambda one: one + 10**10)),
                ),
                max_size=2,
            ).map(tuple)
        ),
        compare=draw(st.sampled_from(Compare)),
        compare_since=compared,
        compare_until=None if compared is None else compared + timedelta(days=3),
        currency=draw(st.none() | st.sampled_from(("EUR", "JPY"))),
        order_by=draw(st.lists(names.map(lambda one: f"-{one}.before"), unique=True, max_size=2).map(tuple)),
        search=draw(texts),
        limit=draw(st.none() | st.integers(1, 1_000)),
        offset=draw(st.integers(0, 1_000)),
    )


@settings(max_examples=60)
@given(questions())
def test_what_is_written_is_read_again(question: Question) -> None:
    """Also through the encoding of an address, with commas, backslashes and control characters in values."""
    encoded = urlencode(question_to_query(question))
    assert question_from_query(parse_qsl(encoded, keep_blank_values=True)) == question


def test_the_least_question_is_short() -> None:
    """What is not asked is not in the address."""
    question = Question(since=SINCE, until=UNTIL, metrics=("cost",))
    assert question_to_query(question) == LEAST
    assert question_from_query(LEAST) == question


def test_a_whole_question() -> None:
    """Every parameter, in its order: addresses that people keep stay good."""
    question = Question(
        since=SINCE,
        until=UNTIL,
        metrics=("cost", "ctr"),
        dimensions=("campaign", "day"),
        where=(
            Condition(dimension="platform", values=("google", "meta")),
            Condition(dimension="campaign", values=("Shoes, red",), operator=Operator.LACKS),
        ),
        having=(Threshold(metric="cost", at_least=Decimal(100)), Threshold(metric="ctr", at_most=Decimal("0.02"))),
        compare=Compare.PREVIOUS_YEAR,
        compare_since=date(2025, 10, 2),
        compare_until=date(2025, 11, 1),
        currency="EUR",
        order_by=("-cost", "campaign"),
        search="brand",
        limit=50,
        offset=100,
    )
    assert question_to_query(question) == (
        ("from", "2026-10-01"),
        ("to", "2026-10-31"),
        ("metrics", "cost,ctr"),
        ("by", "campaign,day"),
        ("where", "platform=google,meta"),
        ("where", "campaign!~Shoes\\, red"),
        ("having", "cost=100.."),
        ("having", "ctr=..0.02"),
        ("compare", "previous-year"),
        ("compared", "2025-10-02..2025-11-01"),
        ("currency", "EUR"),
        ("order", "-cost,campaign"),
        ("search", "brand"),
        ("limit", "50"),
        ("offset", "100"),
    )
    assert question_from_query(question_to_query(question)) == question


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"from": None}, "the parameter from is missing"),
        ({"metrics": None}, "the parameter metrics is missing"),
        ({"metrics": ""}, "metrics='' has '' in it, which is no name"),
        ({"metrics": "cost,,ctr"}, "has '' in it"),
        ({"metrics": "cost,cost"}, "metrics names cost twice"),
        ({"metrics": ",".join(f"m{number}" for number in range(41))}, "metrics has 41 names; at most 40"),
        ({"by": "camp aign"}, "by='camp aign' has 'camp aign' in it"),
        ({"from": "yesterday"}, "from='yesterday' is no day"),
        ({"from": "20261001"}, "from='20261001' is no day"),
        ({"from": "2026-02-30"}, "from='2026-02-30' is no day"),
        ({"from": "0001-01-01"}, "between 1990 and 2199"),
        ({"from": "２０２６-10-01"}, "is no day"),
        ({"from": "2026-11-01"}, "wrong way round: from=2026-11-01 lies after to=2026-10-31"),
        ({"where": "platform"}, "where='platform' is no condition"),
        ({"where": "=google"}, "is no condition"),
        ({"where": "platform=" + "x" * 501}, "longer than 500 characters"),
        ({"where": "platform=" + ",".join("x" * 201)}, "names 201 values; at most 200"),
        ({"where": "platform=a\\"}, "ends in a backslash"),
        ({"having": "cost"}, "having='cost' is no bound"),
        ({"having": "cost=.."}, "is no bound"),
        ({"having": "cost=1e9.."}, "is no bound"),
        ({"having": "cost=NaN.."}, "is no bound"),
        ({"having": "cost=2..1"}, "having=cost=2..1 is the wrong way round"),
        ({"compare": "nothing"}, "compare='nothing' is not known; there are previous-period, previous-year"),
        ({"compared": "2025-10-01"}, "are no days"),
        ({"compared": "2025-10-01.."}, "compared='' is no day"),
        ({"compared": "2025-10-02..2025-10-01"}, "wrong way round: compared="),
        ({"currency": "euro"}, "currency='euro' is no currency"),
        ({"order": "--cost"}, "order='--cost' has '--cost' in it"),
        ({"search": "x" * 501}, "the parameter search is longer than 500"),
        ({"limit": "0"}, "limit='0' is no whole number between 1 and"),
        ({"limit": "-1"}, "limit='-1' is no whole number"),
        ({"limit": "²"}, "is no whole number"),
        ({"offset": "99999999"}, "offset='99999999' is no whole number"),
        ({"limits": "1"}, "there is no parameter 'limits'; there are from, to, metrics"),
        ({"\x00": "1"}, r"there is no parameter '\x00'"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], said: str) -> None:
    """Each parameter by its name, with what may be written instead."""
    pairs = {name: value for name, value in (dict(LEAST) | changed).items() if value is not None}
    with pytest.raises(BadInput) as error:
        question_from_query(pairs.items())
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_too_much_is_refused() -> None:
    """What is there twice, too many conditions, and what no proxy would let pass."""
    with pytest.raises(BadInput, match="the parameter to is there 2 times; give it once"):
        question_from_query([*LEAST, ("to", "2026-10-31")])
    with pytest.raises(BadInput, match="where is there 31 times; at most 30"):
        question_from_query([*LEAST, *[("where", "platform=a")] * 31])
    with pytest.raises(BadInput, match="too long for an address: 6,"):
        question_from_query([*LEAST, *[("where", f"platform={'x' * 400}")] * 15])


def test_what_cannot_be_read_again_is_not_written() -> None:
    """A link that would only give an error is no link."""
    for wrong in (
        {"metrics": ("a b",)},
        {"where": (Condition(dimension="platform", values=()),)},
        {"where": (Condition(dimension="campaign", values=tuple(str(number) * 10 for number in range(900))),)},
        {"since": date(2026, 11, 1)},
        {"compare_since": SINCE},
    ):
        with pytest.raises(BadInput):
            question_to_query(Question(**{"since": SINCE, "until": UNTIL, "metrics": ("cost",)} | wrong))  # type: ignore[arg-type]


def test_conditions_as_commands_have_them() -> None:
    """The same text in an option, which the error then names."""
    assert condition_of("campaign~a\\,b,c\\\\d") == Condition(
        dimension="campaign", values=("a,b", "c\\d"), operator=Operator.CONTAINS
    )
    assert condition_of("market=") == Condition(dimension="market", values=("",))
    with pytest.raises(BadInput, match="--where='x' is no condition"):
        condition_of("x", of="--where")


def test_a_question_for_people() -> None:
    """Also one with bytes that are no text, as an argument of a command may have."""
    question = Question(
        since=SINCE, until=UNTIL, metrics=("cost",), where=(Condition(dimension="ad", values=("\udc80",)),)
    )
    assert question_text(question) == r"from=2026-10-01 to=2026-10-31 metrics=cost where=ad=\udc80"
