"""What made a change, in words: sentences in Markdown, and the names of members and causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from adjoin.analytics.v1 import ChangeLevel, Effect, Explanation, Metric, Unit
from adjoin.writing import Writer
from adjoin_dashboard.figures import written_value
from adjoin_dashboard.words import escaped

__all__ = ["Cause", "Namer", "causes_of", "chosen_of", "namer_of", "sentences", "signed"]

#: Names a member of a dimension as plain text.
Namer: TypeAlias = Callable[[str, Effect], str]

_PART = Literal["volume", "mix", "rate"]
_AGAINST = Decimal("0.1")  # of the change, from which a member that went against it is named
_NAMED = 2
_SHORT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One of the parts that effects are made of: what it is called in a column, and what it means."""

    part: _PART
    title: str
    meaning: str


def causes_of(explanation: Explanation, metrics: Mapping[str, Metric], plural: str) -> tuple[Cause, ...]:
    """Return the parts that the effects have, in their order; none where the metric hangs on nothing.

    `plural` is what the members are called. A ratio has no volume effects.
    """
    if not explanation.volume or not explanation.levels or explanation.levels[0].mix is None:
        return ()
    volume = metrics[explanation.volume].title
    rate = metrics[explanation.rate].title if explanation.rate else f"{metrics[explanation.metric].title} per one"
    ratio = explanation.rate == explanation.metric
    found = (
        Cause(part="volume", title=volume, meaning=f"{volume} in all: what would have changed had nothing else"),
        Cause(
            part="mix",
            title="Mix",
            meaning=f"Shifts among {plural}: another share of all {_lower(volume)} than before",
        ),
        Cause(part="rate", title=f"Own {rate}" if ratio else rate, meaning=f"Their own {rate} changed"),
    )
    return found[1:] if ratio else found


def namer_of(platform_title: Callable[[str], str], accounts: Mapping[tuple[str, str], str]) -> Namer:
    """Return what names members: platforms by title, accounts as everywhere, others by name, or by id without one.

    What the members of a level leave of the one above is called by what it is. An account is told with its platform
    where one of another platform has the same name.
    """
    called = Counter(accounts.values())

    def name(dimension: str, effect: Effect) -> str:
        key = effect.key
        if key[-1] == "":
            told = dimension.replace("_", " ")
            return f"Without {told}" if len(key) > 1 else f"No {told}"
        if dimension == "platform":
            return platform_title(key[0])
        if dimension == "account" and key in accounts:
            told = accounts[key[0], key[1]]
            return told if called[told] == 1 else f"{told} ({platform_title(key[0])})"
        return effect.name or key[-1]

    return name


def chosen_of(explanation: Explanation) -> tuple[tuple[ChangeLevel, Effect], ...]:
    """Return the members on the way down that made most of the change, the widest first."""
    found = []
    for level in explanation.levels:
        effect = next((one for one in level.effects if level.chosen and one.key == level.chosen), None)
        if effect is None:
            break
        found.append((level, effect))
    return tuple(found)


def signed(metric: Metric, value: Decimal, write: Writer, currency: str | None, *, compact: bool = True) -> str:
    """Write an effect with its sign: "+€8.1k", "−0.12 pp"."""
    if metric.unit is Unit.SHARE:
        return write.signed(value * 100, 2, "\N{NARROW NO-BREAK SPACE}pp")
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return sign + written_value(metric, abs(value), write, currency, compact=compact)


def sentences(
    explanation: Explanation,
    metrics: Mapping[str, Metric],
    *,
    name: Namer,
    singular: str,
    causes: Sequence[Cause],
    write: Writer,
) -> list[str]:
    """Say in Markdown by how much the metric changed, where most of that was, and why.

    `singular` is what a member of the first level is called.
    """
    metric = metrics[explanation.metric]
    title = escaped(metric.title)

    def value(figure: Decimal | None) -> str:
        return escaped(written_value(metric, figure, write, explanation.currency, compact=True))

    def told(figure: Decimal) -> str:
        return escaped(signed(metric, figure, write, explanation.currency))

    days = write.days(*explanation.compared)
    before, now, change = explanation.before, explanation.now, explanation.change
    if change is None or not explanation.levels:
        when = "then" if before is None and now is not None else "now" if now is None and before is not None else ""
        lacking = f"it has no value {when}" if when else "it has no value in either period"
        return [f"**{title} cannot be compared** with {days}: {lacking}."]
    if not change:
        return [f"**{title} did not change** against {days}: {value(now)}."]
    way = "rose" if change > 0 else "fell"
    relative = None if metric.unit is Unit.SHARE else write.change(now, before)
    by = escaped(signed(metric, abs(change), write, explanation.currency)[1:])  # the verb has the sign
    of = f", {escaped(relative)}" if relative else ""
    found = [f"**{title} {way} by {by}**{of}: from {value(before)} to {value(now)}, compared with {days}."]
    found.append(_where(explanation, name=name, told=told, singular=singular, write=write))
    if causes:
        found.append(_why(explanation.levels[0], causes, told))
    return found


def _where(
    explanation: Explanation, *, name: Namer, told: Callable[[Decimal], str], singular: str, write: Writer
) -> str:
    level, change = explanation.levels[0], explanation.change or Decimal(1)
    way = chosen_of(explanation)

    def called(at: str, effect: Effect) -> str:
        plain = name(at, effect)
        return escaped(plain if len(plain) <= _SHORT else f"{plain[: _SHORT - 1]}…")

    if way:
        parts = []
        for number, (at, effect) in enumerate(way):
            there = "" if number == 0 else "there " if number == 1 else "and there "
            new = {"new": ", which is new", "ended": ", which had ended"}.get(effect.presence.value, "")
            part = f", {escaped(write.percent(effect.change / change, 0))} of the change" if number == 0 else ""
            parts.append(f"{there}**{called(at.dimension, effect)}** ({told(effect.change)}{part}{new})")
        sentence = f"Most of it was {', '.join(parts)}."
    else:
        largest = [one for one in level.effects if (one.change > 0) == (change > 0)][:_NAMED]
        names = " and ".join(f"**{called(level.dimension, one)}** ({told(one.change)})" for one in largest)
        sentence = f"No single {escaped(singular)} made most of it; the largest part was {names}." if names else ""
    against = next((one for one in level.effects if one.share is not None and one.share <= -_AGAINST), None)
    if against is not None:
        sentence += f" **{called(level.dimension, against)}** went the other way ({told(against.change)})."
    return sentence.strip()


def _why(level: ChangeLevel, causes: Sequence[Cause], told: Callable[[Decimal], str]) -> str:
    parts = []
    for cause in causes:
        effect = getattr(level, cause.part) or Decimal(0)
        if not effect:
            continue
        title = escaped(cause.title)
        if cause.part == "volume":
            reason = f"{'more' if effect > 0 else 'fewer'} {_lower(title)}"
        elif cause.part == "mix":
            reason = "a shift among them"
        else:
            higher = "a higher" if effect > 0 else "a lower"
            reason = f"{higher} {title.removeprefix('Own ')}" + (" of their own" if title.startswith("Own ") else "")
        parts.append((abs(effect), f"{told(effect)} by {reason}"))
    if not parts:
        return ""
    parts.sort(key=lambda one: -one[0])
    return f"In all: {', '.join(text for _, text in parts)}."


def _lower(title: str) -> str:
    """Write a title within a sentence; abbreviations stay."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
