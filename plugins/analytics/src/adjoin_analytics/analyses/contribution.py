"""What made the change of a figure between two periods: each member's part, adding up to the whole change exactly.

A figure is a sum (cost), a sum with a volume behind it (cost = clicks x cost per click), or a ratio of sums (cost per
conversion). Members are what a dimension tells apart: platforms, campaigns, ads. All effects are midpoint effects: each
factor's change counts at the mean of the other factor's two values (T. L. Bennet, The theory of measurement of changes
in cost of living, 1920), which for two factors is Shapley's mean over both orders. So nothing depends on which factor
is changed first, exchanging the periods turns every sign, and no special cases arise at zero, as they do with
logarithmic means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from adjoin.errors import BadInput
from adjoin_analytics.analyses.exact import Exact, apportion, as_sum, digits_of, fraction, ratio, summed, total

__all__ = [
    "Comparison",
    "Effect",
    "Key",
    "Member",
    "Presence",
    "Sums",
    "compare_ratios",
    "compare_sums",
    "split_sums",
    "together",
]

#: What tells members apart: ids from the platform down, or one word.
Key = tuple[str, ...]

_HALF = Fraction(1, 2)
_DIGITS = 24
_ZERO = Fraction(0)


class Presence(StrEnum):
    """In which of the two periods a member has figures."""

    BOTH = "both"
    NEW = "new"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A member's sums in one period.

    `amount` is what is compared or, of a ratio, what stands above the line; `volume` what stands below: clicks for cost
    per click, cost for the return on it. Money counts in micros, all members in one currency. None is missing: it adds
    nothing to the sum of the members, as in the totals of an answer.
    """

    amount: Exact | None = None
    volume: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a dimension with its sums in both periods; None for a period in which it has none."""

    key: Key
    name: str = ""
    before: Sums | None = None
    now: Sums | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one member did to the whole.

    `before` and `now` are its own figures, the sum or the ratio, None where it has none. `change` is its part of the
    change of the whole, and the sum of `volume` (the whole's volume changed), `mix` (its share of the volume changed)
    and `rate` (its own ratio changed); these three are None where no volumes are known. `share` is `change` as part of
    the comparison's: below 0 for a member that went against it, above 1 where others did; None where that is 0.
    `incomplete` says that one of its two sums is missing in a period.
    """

    key: Key
    name: str
    presence: Presence
    before: Exact | None
    now: Exact | None
    change: Exact
    volume: Exact | None = None
    mix: Exact | None = None
    rate: Exact | None = None
    share: Fraction | None = None
    incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A figure in two periods, and what each member did to it, the largest effect first and then by key.

    The effects' `change`, `volume`, `mix` and `rate` add up to those of the comparison exactly. `before` and `now` are
    the figures of the members together, None where they have none. `change` is None, and there are no effects, where
    one of the two is missing; a sum is missing only where no member has one in either period.
    """

    before: Exact | None
    now: Exact | None
    change: Exact | None
    effects: tuple[Effect, ...] = ()
    volume: Exact | None = None
    mix: Exact | None = None
    rate: Exact | None = None


def compare_sums(members: Iterable[Member], *, whole: Member | None = None) -> Comparison:
    """Say by how much each member's `amount` changed the sum of them all; volumes are not looked at.

    A member that is there in one period only counts as nothing in the other: all it has is its effect. Results are
    ints, or Decimals where an amount has digits after the point. `whole` changes nothing: the effects of a part on a
    larger whole are the same. Raises BadInput for two members of the same key, TypeError for amounts that are no sums.
    """
    these = [_without_volume(one) for one in _checked(members)]
    digits = digits_of(_amounts(these))
    before, now = _sum(these, "before", "amount"), _sum(these, "now", "amount")
    if before is None and now is None:
        return Comparison(before=None, now=None, change=None)
    change = (now or _ZERO) - (before or _ZERO)
    effects = [
        _effect(one, change=as_sum(_delta(one), digits=digits), of=change, ratios=False)
        for one in these
        if _presence(one)
    ]
    return Comparison(
        before=None if before is None else as_sum(before, digits=digits),
        now=None if now is None else as_sum(now, digits=digits),
        change=as_sum(change, digits=digits),
        effects=_ranked(effects),
    )


def split_sums(members: Iterable[Member], *, whole: Member | None = None, digits: int = 0) -> Comparison:
    """Split the change of a sum into volume, mix and rate: amount = whole volume x share of it x amount per volume.

    Of each member, with the means of both periods where there is a bar: `volume` is the change of the whole's volume x
    (amount / whole volume)‾, what it would have changed had it only grown with the whole; `mix` the change of its share
    of the volume x (whole volume)‾ x (own ratio)‾; `rate` the change of its own ratio x (whole volume)‾ x (share)‾. The
    volumes' effects add up to the change of the whole volume x the mean ratio of the whole, so that the split of the
    whole alone, volume against rate and mix together, is the same.

    Where a ratio has nothing below the line, that of the other period is taken in its place (a new or ended member has
    no rate effect), and what then remains, an amount without any volume, counts as rate.

    The three are rounded to `digits` after the point, or as many as the amounts have, by largest remainder, of equal
    ones in the order volume, mix, rate, so that they add up to the member's change; those of the comparison are their
    sums. Members may be a part of a larger `whole`, whose volumes are then meant. Raises as compare_sums.
    """
    these = _checked(members)
    before, now = _sum(these, "before", "amount"), _sum(these, "now", "amount")
    if before is None and now is None:
        return Comparison(before=None, now=None, change=None)
    of = (now or _ZERO) - (before or _ZERO)
    plain = digits_of(_amounts(these))
    digits = max(digits, plain)
    volumes = _volumes(these, whole)
    effects = []
    for one in these:
        if not _presence(one):
            continue
        delta = _delta(one)
        volume, mix, rate = apportion(_three(one, delta, *volumes), delta, digits=digits)
        change = as_sum(delta, digits=digits)
        effects.append(_effect(one, change=change, of=of, ratios=False, parts=(volume, mix, rate)))
    return Comparison(
        before=None if before is None else as_sum(before, digits=plain),
        now=None if now is None else as_sum(now, digits=plain),
        change=as_sum(of, digits=digits),
        effects=_ranked(effects),
        volume=summed(one.volume for one in effects),
        mix=summed(one.mix for one in effects),
        rate=summed(one.rate for one in effects),
    )


def compare_ratios(members: Iterable[Member], *, whole: Member | None = None) -> Comparison:
    """Say what each member did to the ratio of all amounts to all volumes: by its share of the volume, or by its own.

    `mix` is the change of the member's share of the volume x (own ratio - whole ratio)‾, and `rate` the change of its
    own ratio x (share)‾. A member that grows lowers a cost per conversion if its own is below the whole one. There is
    no volume effect: a ratio does not change when everything doubles, and `volume` is 0. Zeros are treated as in
    split_sums. Effects are fractions and add up exactly; only the line between mix and rate of a member is drawn at 24
    digits after the point, as sums of thousands of fractions would grow without end.

    Members may be a part of a larger `whole`: then the effects are those on the whole's ratio, and `change` is what
    the members did to it together, while `before` and `now` are their own. So the effects of a platform's campaigns add
    up to the effect of the platform. Raises BadInput for two members of the same key.
    """
    these = _checked(members)
    every = these if whole is None else [whole]
    ratios = [ratio(_sum(every, period, "amount"), _sum(every, period, "volume")) for period in ("before", "now")]
    own = [ratio(_sum(these, period, "amount"), _sum(these, period, "volume")) for period in ("before", "now")]
    before, now = ratios
    if before is None or now is None:
        return Comparison(before=own[0], now=own[1], change=None)
    middle = (before + now) * _HALF
    volumes = _volumes(these, whole)
    found: list[tuple[Member, Fraction, Fraction]] = []
    for one in these:
        if _presence(one):
            share, typical, contribution = _moves(one, *volumes)
            mix = round(share * (typical - middle), _DIGITS)
            found.append((one, mix, contribution - share * middle - mix))
    mixes, rates = sum((each[1] for each in found), _ZERO), sum((each[2] for each in found), _ZERO)
    effects = [
        _effect(one, change=mix + rate, of=mixes + rates, ratios=True, parts=(_ZERO, mix, rate))
        for one, mix, rate in found
    ]
    return Comparison(
        before=own[0],
        now=own[1],
        change=mixes + rates,
        effects=_ranked(effects),
        volume=_ZERO,
        mix=mixes,
        rate=rates,
    )


def together(key: Key, members: Iterable[Member], *, name: str = "") -> Member:
    """Add members up to one. What is missing in all of them stays missing."""
    these = list(members)
    sums = []
    for period in ("before", "now"):
        amount, volume = (summed(_get(one, period, part) for one in these) for part in ("amount", "volume"))
        sums.append(None if amount is None and volume is None else Sums(amount=amount, volume=volume))
    return Member(key=key, name=name, before=sums[0], now=sums[1])


def _checked(members: Iterable[Member]) -> list[Member]:
    these = sorted(members, key=lambda one: one.key)
    for first, second in pairwise(these):
        if first.key == second.key:
            raise BadInput(f"Two members have the key {'/'.join(first.key)!r}; add them up before they are compared.")
    return these


def _without_volume(member: Member) -> Member:
    before, now = (None if one is None else Sums(amount=one.amount) for one in (member.before, member.now))
    return Member(key=member.key, name=member.name, before=before, now=now)


def _get(member: Member, period: str, part: str) -> Exact | None:
    sums: Sums | None = getattr(member, period)
    value: Exact | None = None if sums is None else getattr(sums, part)
    return value


def _amounts(members: Iterable[Member]) -> list[Exact | None]:
    return [_get(one, period, "amount") for one in members for period in ("before", "now")]


def _sum(members: Iterable[Member], period: str, part: str) -> Fraction | None:
    return total(_get(one, period, part) for one in members)


def _delta(member: Member) -> Fraction:
    return fraction(_get(member, "now", "amount") or 0) - fraction(_get(member, "before", "amount") or 0)


def _there(member: Member, period: str) -> bool:
    return _get(member, period, "amount") is not None or _get(member, period, "volume") is not None


def _presence(member: Member) -> Presence | None:
    before, now = _there(member, "before"), _there(member, "now")
    if before and now:
        return Presence.BOTH
    return Presence.NEW if now else Presence.ENDED if before else None


def _volumes(members: Sequence[Member], whole: Member | None) -> tuple[Fraction, Fraction]:
    every = members if whole is None else [whole]
    return _sum(every, "before", "volume") or _ZERO, _sum(every, "now", "volume") or _ZERO


def _moves(member: Member, volume0: Fraction, volume1: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """Return the change of the member's share of the volume, its typical ratio, and the change of amount / volume.

    Both volumes must be other than 0.
    """
    amounts = [fraction(_get(member, period, "amount") or 0) for period in ("before", "now")]
    volumes = [fraction(_get(member, period, "volume") or 0) for period in ("before", "now")]
    ratios = [amount / volume for amount, volume in zip(amounts, volumes, strict=True) if volume]
    typical = sum(ratios, _ZERO) / len(ratios) if ratios else _ZERO
    share = volumes[1] / volume1 - volumes[0] / volume0
    return share, typical, amounts[1] / volume1 - amounts[0] / volume0


def _three(member: Member, delta: Fraction, volume0: Fraction, volume1: Fraction) -> tuple[Fraction, ...]:
    if volume0 and volume1:
        share, typical, contribution = _moves(member, volume0, volume1)
        mean = (volume0 + volume1) * _HALF
        mix = mean * share * typical
        rate = mean * contribution - mix
        return delta - mix - rate, mix, rate
    # Only one period has a volume, or none: what there is then came, or went, with it.
    amounts = [fraction(_get(member, period, "amount") or 0) for period in ("before", "now")]
    by_volume = amounts[1] if volume1 else -amounts[0] if volume0 else _ZERO
    return by_volume, _ZERO, delta - by_volume


def _effect(
    member: Member,
    *,
    change: Exact,
    of: Fraction,
    ratios: bool,
    parts: tuple[Exact | None, Exact | None, Exact | None] = (None, None, None),
) -> Effect:
    figures: list[Exact | None] = []
    incomplete = False
    for period in ("before", "now"):
        amount, volume = _get(member, period, "amount"), _get(member, period, "volume")
        figures.append(ratio(amount, volume) if ratios else amount)
        if parts != (None, None, None):
            incomplete |= (amount is None) != (volume is None)
    presence = _presence(member)
    assert presence is not None
    return Effect(
        key=member.key,
        name=member.name,
        presence=presence,
        before=figures[0],
        now=figures[1],
        change=change,
        volume=parts[0],
        mix=parts[1],
        rate=parts[2],
        share=fraction(change) / of if of else None,
        incomplete=incomplete,
    )


def _ranked(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    # Floats are compared quickly and in the order of the exact values, which decide where they are equal.
    return tuple(sorted(effects, key=lambda one: (-abs(float(one.change)), -abs(fraction(one.change)), one.key)))
