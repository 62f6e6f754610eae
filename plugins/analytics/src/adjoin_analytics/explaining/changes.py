"""Asks what a change is explained from, and hands the explanation over as decimals that add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from adjoin.analytics import v1
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.analyses.asked_changes import Parts, asked_children, parts_of
from adjoin_analytics.analyses.contribution import Comparison, Effect
from adjoin_analytics.analyses.exact import Exact, apportion, as_decimal, fraction
from adjoin_analytics.analyses.explanation import Explanation, Step, explain, walk
from adjoin_analytics.insights.asked import Ask

__all__ = ["explain_change"]

#: How objects lie inside each other, from the widest on.
_WAY_DOWN = ("platform", "account", "campaign", "ad_group", "ad")
#: Effects on ratios have so many digits after the point, which with 16 before it are the digits of a decimal context.
_DIGITS = 12


def explain_change(
    ask: Ask, definitions: v1.Definitions, question: v1.Question, *, most: int, depth: int
) -> v1.Explanation:
    """Return what made the change of the question's one metric, by its one dimension and what is inside.

    Raises BadInput and UnknownName as `v1.Analytics.explain` says.
    """
    if len(question.metrics) != 1 or len(question.dimensions) != 1:
        raise BadInput("A change is explained of one metric by one dimension; ask for one of each.")
    if depth < 1:
        raise BadInput(f"An explanation has at least one level, not {depth}.")
    parts = parts_of(question.metrics[0], definitions)
    levels = _levels(question.dimensions[0], definitions)[:depth]
    heard = _Heard(ask)
    children = asked_children(heard, question, parts, levels)
    top = parts.compare(children(()))
    found: tuple[Step, ...] = ()
    if top.change is not None:
        found = walk([one.name for one in levels], children, compare=parts.compare)
    answer = heard.first
    if answer is None or answer.compared is None:
        raise BadInput("A change is explained between two periods; say what is compared with what.")
    # A whole that lacks a part, as of a currency without a rate, has no value; nor has a change of it.
    members = children(())
    known = {
        "now": any(one.now is not None and one.now.amount is not None for one in members),
        "before": any(one.before is not None and one.before.amount is not None for one in members),
    }
    whole = {"now": answer.totals, "before": answer.before or {}}
    lost = {side for side, totals in whole.items() if known[side] and totals.get(parts.amount) is None}
    handed = () if lost else _handed_over(found, most=most, ratio=parts.ratio)
    before = None if "before" in lost else _written(top.before, ratio=parts.ratio)
    now = None if "now" in lost else _written(top.now, ratio=parts.ratio)
    return v1.Explanation(
        metric=parts.metric,
        since=question.since,
        until=question.until,
        compared=answer.compared,
        currency=answer.currency,
        before=before,
        now=now,
        change=handed[0].change if handed else None,
        volume=parts.volume or "",
        rate=parts.metric if parts.ratio else _rate_of(parts, definitions),
        levels=handed,
        changing_since=answer.changing_since,
        notes=answer.notes,
    )


class _Heard:
    """Asks, and keeps the first answer: it has the compared days and the notes of all."""

    def __init__(self, ask: Callable[[v1.Question], v1.Answer]) -> None:
        self._ask = ask
        self.first: v1.Answer | None = None

    def __call__(self, question: v1.Question) -> v1.Answer:
        answer = self._ask(question)
        self.first = self.first or answer
        return answer


def _levels(name: str, definitions: v1.Definitions) -> list[v1.Dimension]:
    """Return a dimension and those inside it, as far as one leads to the next."""
    known = {one.name: one for one in definitions.dimensions}
    if name not in known:
        raise UnknownName(f"There is no dimension {name!r}; there are {', '.join(known)}.")
    below = _WAY_DOWN[_WAY_DOWN.index(name) :] if name in _WAY_DOWN else (name,)
    return [known[one] for one in below if one in known]


def _rate_of(parts: Parts, definitions: v1.Definitions) -> str:
    """Return the name of the metric that is a sum per one of what it hangs on, "" where none is."""
    formulas = {one.name: one.formula for one in definitions.metrics}
    if parts.volume is None:
        return ""
    wanted = f"{formulas[parts.amount]} / {formulas[parts.volume]}"
    return next((name for name, formula in formulas.items() if formula == wanted), "")


def _handed_over(steps: Sequence[Step], *, most: int, ratio: bool) -> tuple[v1.ChangeLevel, ...]:
    """Return the levels; of ratios the rounded effects of a level add up to the rounded one of its parent."""
    levels = []
    whole: Exact | None = None
    for step in steps:
        comparison = _rounded(step.comparison, whole) if ratio else step.comparison
        levels.append(_level(step, comparison, explain(comparison, most=most, enough=Fraction(1))))
        if step.chosen is not None:
            key = step.chosen.key
            whole = next(one.change for one in comparison.effects if one.key == key)
    return tuple(levels)


def _rounded(comparison: Comparison, whole: Exact | None) -> Comparison:
    """Round effects on a ratio so that they still add up: to `whole`, or else to the change rounded by itself."""
    change = round(fraction(comparison.change or 0), _DIGITS) if whole is None else fraction(whole)
    if not comparison.effects:
        return replace(comparison, change=Decimal(0))
    changes = apportion([fraction(one.change) for one in comparison.effects], change, digits=_DIGITS)
    effects = []
    for one, own in zip(comparison.effects, changes, strict=True):
        mix = round(fraction(one.mix or 0), _DIGITS)
        share = fraction(own) / change if change else None
        effects.append(replace(one, change=own, volume=0, mix=mix, rate=fraction(own) - mix, share=share))
    mixes = sum((fraction(one.mix or 0) for one in effects), Fraction(0))
    return replace(comparison, change=change, effects=tuple(effects), volume=0, mix=mixes, rate=change - mixes)


def _level(step: Step, comparison: Comparison, told: Explanation) -> v1.ChangeLevel:
    effects, others = told.effects, told.others
    if others is not None and others.count == 1 and others.change:  # a line for it can as well have its name
        listed = {one.key for one in effects}
        effects, others = (*effects, *(one for one in comparison.effects if one.key not in listed)), None
    return v1.ChangeLevel(
        dimension=step.level,
        parent=step.parent,
        change=_decimal(comparison.change or 0),
        volume=_or_none(comparison.volume),
        mix=_or_none(comparison.mix),
        rate=_or_none(comparison.rate),
        effects=tuple(_effect(one) for one in effects),
        others=None
        if others is None
        else v1.OtherEffects(
            count=others.count,
            change=_decimal(others.change),
            volume=_or_none(others.volume),
            mix=_or_none(others.mix),
            rate=_or_none(others.rate),
            share=_or_none(others.share),
        ),
        chosen=() if step.chosen is None else step.chosen.key,
    )


def _effect(one: Effect) -> v1.Effect:
    return v1.Effect(
        key=one.key,
        name=one.name,
        presence=v1.Presence(one.presence.value),
        before=_or_none(one.before),
        now=_or_none(one.now),
        change=_decimal(one.change),
        volume=_or_none(one.volume),
        mix=_or_none(one.mix),
        rate=_or_none(one.rate),
        share=_or_none(one.share),
        incomplete=one.incomplete,
    )


def _written(value: Exact | None, *, ratio: bool) -> Decimal | None:
    if value is None:
        return None
    return _decimal(round(fraction(value), _DIGITS)) if ratio else _decimal(value)


def _or_none(value: Exact | None) -> Decimal | None:
    return None if value is None else _decimal(value)


def _decimal(value: Exact) -> Decimal:
    """Return a figure exactly where it has an end; a quotient without one has 28 digits."""
    return Decimal(value) if isinstance(value, int) else as_decimal(value)
