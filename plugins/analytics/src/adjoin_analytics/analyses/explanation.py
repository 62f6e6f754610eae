"""The short answer to "what made the change": the few members that explain most, and the way down to the cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from adjoin.errors import BadInput
from adjoin_analytics.analyses.contribution import Comparison, Effect, Key, Member, Sums, together
from adjoin_analytics.analyses.exact import Exact, fraction, summed

__all__ = ["REST", "Comparing", "Explanation", "Others", "Step", "explain", "nested", "walk", "with_rest"]

#: The last part of the key of what a level does not break down: campaigns without ads, say.
REST = ""

_HALF = Fraction(1, 2)
_ZERO = Fraction(0)


class Comparing(Protocol):
    """How members are compared: compare_sums, split_sums or compare_ratios."""

    def __call__(self, members: Iterable[Member], *, whole: Member | None = None) -> Comparison: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The members that are not listed, added up. The last three are None where the effects have no such parts."""

    count: int
    change: Exact
    share: Fraction | None
    volume: Exact | None = None
    mix: Exact | None = None
    rate: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The effects that explain most, the largest first, and the rest as one. Together they are the whole change."""

    effects: tuple[Effect, ...]
    others: Others | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level of a walk: what the members below `parent` did, and the one to go on with.

    `level` is the name of the level. `chosen` is None on the last step, where no single member explains most or nothing
    is below. The effects are those on the whole that the walk began with.
    """

    level: str
    parent: Key
    comparison: Comparison
    chosen: Effect | None = None


def explain(comparison: Comparison, *, most: int = 5, enough: Fraction = Fraction(4, 5)) -> Explanation:
    """Keep the largest effects until they hold `enough` of all movement, and at most so many; add up the others.

    Movement is the sum of the absolute effects, so that members which went against the change count as well. A member
    without any effect is never listed. Raises BadInput for `most` below 1.
    """
    if most < 1:
        raise BadInput(f"An explanation lists at least one member, not {most}.")
    moved = [one for one in comparison.effects if one.change]
    movement = sum((abs(fraction(one.change)) for one in moved), _ZERO)
    listed: list[Effect] = []
    held = _ZERO
    for one in moved[:most]:
        if held >= enough * movement:
            break
        listed.append(one)
        held += abs(fraction(one.change))
    rest = comparison.effects[len(listed) :]
    if not rest:
        return Explanation(effects=tuple(listed))
    shares = [one.share for one in rest]
    others = Others(
        count=len(rest),
        change=summed(one.change for one in rest) or 0,
        share=None if None in shares else sum((share for share in shares if share is not None), _ZERO),
        volume=_parts(one.volume for one in rest),
        mix=_parts(one.mix for one in rest),
        rate=_parts(one.rate for one in rest),
    )
    return Explanation(effects=tuple(listed), others=others)


def walk(
    levels: Sequence[str],
    children: Callable[[Key], Iterable[Member]],
    *,
    compare: Comparing,
    enough: Fraction = _HALF,
) -> tuple[Step, ...]:
    """Go down the levels, from the whole to the member that explains most, and on to what is below it.

    `children` gives the members right below a key, () for the topmost. At each level the member is chosen whose effect
    is the largest in the direction of its parent's; the walk goes on if it holds at least `enough` of all effects in
    that direction. What a parent has beyond its children is a member of its own (`with_rest`), at which a walk ends.
    So the effects of a level add up to the effect of the parent, and all of them are effects on the first whole.
    """
    steps: list[Step] = []
    parent = together((), children(()))
    whole = parent
    for depth, level in enumerate(levels):
        members = list(children(parent.key))
        if depth:
            members = with_rest(parent, members)
        comparison = compare(members, whole=whole)
        chosen = _pulling(comparison, enough) if members else None
        steps.append(Step(level=level, parent=parent.key, comparison=comparison, chosen=chosen))
        if chosen is None:
            break
        parent = next(one for one in members if one.key == chosen.key)
    return tuple(steps)


def with_rest(parent: Member, children: Iterable[Member]) -> list[Member]:
    """Return the children and, where their sums are not the parent's, a member for the difference.

    Its key is the parent's with REST behind it. A sum that the parent does not have gives no difference.
    """
    these = list(children)
    added = together(parent.key, these)
    before, now = _difference(parent.before, added.before), _difference(parent.now, added.now)
    if before is None and now is None:
        return these
    return [*these, Member(key=(*parent.key, REST), before=before, now=now)]


def nested(leaves: Iterable[Member], names: Mapping[Key, str] | None = None) -> Callable[[Key], list[Member]]:
    """Return the `children` of a walk over leaves whose keys all have the same length: every level is their sum."""
    these = list(leaves)
    if len({len(one.key) for one in these}) > 1:
        raise BadInput("The keys of leaves have all the same length, one part for each level.")
    below: dict[Key, dict[Key, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for one in these:
        for depth in range(len(one.key)):
            below[one.key[:depth]][one.key[: depth + 1]].append(one)
    known = {one.key: one.name for one in these} | dict(names or {})

    def children(key: Key) -> list[Member]:
        found = below.get(key, {})
        return [together(child, members, name=known.get(child, "")) for child, members in sorted(found.items())]

    return children


def _pulling(comparison: Comparison, enough: Fraction) -> Effect | None:
    if not comparison.change:
        return None
    up = comparison.change > 0
    pulling = [one for one in comparison.effects if one.change and (one.change > 0) == up]
    first = pulling[0]
    if first.key[-1] == REST:
        return None
    pull = sum((abs(fraction(one.change)) for one in pulling), _ZERO)
    return first if abs(fraction(first.change)) >= enough * pull else None


def _difference(parent: Sums | None, children: Sums | None) -> Sums | None:
    if parent is None:
        return None
    less = children or Sums()
    amount, volume = _less(parent.amount, less.amount), _less(parent.volume, less.volume)
    return Sums(amount=amount, volume=volume) if amount or volume else None


def _less(parent: Exact | None, children: Exact | None) -> Exact | None:
    if parent is None or children is None:
        return parent
    return summed([parent, -children])


def _parts(values: Iterable[Exact | None]) -> Exact | None:
    these = list(values)
    return None if None in these else summed(these)
