"""Search terms that are worth a keyword of their own, and those that spend without bringing anything."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adjoin.errors import BadInput
from adjoin_analytics.analyses.series import Key
from adjoin_analytics.analyses.tails import adjusted, at_most, binomial_at_most, gamma_above

__all__ = [
    "Addition",
    "Exclusion",
    "SearchTerm",
    "WastedWords",
    "matched",
    "wasted_words",
    "worth_adding",
    "worth_excluding",
]

_SURE = 0.8  # the probability that a term meets the goal, for adding it
_LEAST_CONVERSIONS = 2
_PRIOR_CONVERSIONS = 2.0  # as many conversions of its own count as much as the campaign's rate
_LEVEL = 0.05
_LEAST_TERMS = 3  # that a word has to be in
_LONGEST = 3  # words together
_EDGES = ".,;:!?\"'()[]{}«»„“”‘’…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTerm:
    """What a search term brought in a campaign over days that change no more; `campaign` is the campaign's key."""

    campaign: Key
    text: str
    clicks: int
    cost_micros: int
    conversions: Decimal
    impressions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A term that converts at or below the goal and is no keyword yet.

    `certainty` is the probability that its cost per conversion is at most `goal_micros`. `gained_micros` is what its
    conversions would have cost at the goal, less what they did cost.
    """

    campaign: Key
    text: str
    clicks: int
    cost_micros: int
    conversions: Decimal
    cpa_micros: int
    goal_micros: int
    certainty: float
    gained_micros: int

    @property
    def evidence(self) -> Mapping[str, int | Decimal | float | None]:
        """The numbers that explain it."""
        return {
            "clicks": self.clicks,
            "cost_micros": self.cost_micros,
            "conversions": self.conversions,
            "cpa_micros": self.cpa_micros,
            "goal_micros": self.goal_micros,
            "certainty": self.certainty,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A term that has spent more than chance explains without converting.

    `expected` are the conversions that its clicks would bring at the rate of the rest of its campaign; `chance` is the
    probability of none at that rate, corrected for the terms looked at.
    """

    campaign: Key
    text: str
    clicks: int
    cost_micros: int
    expected: Decimal
    chance: float

    @property
    def evidence(self) -> Mapping[str, int | Decimal | float | None]:
        """The numbers that explain it."""
        return {
            "clicks": self.clicks,
            "cost_micros": self.cost_micros,
            "expected": self.expected,
            "chance": self.chance,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WastedWords:
    """One to three words in a row that cost more than they bring over many terms of an account.

    `wasted_micros` is the cost that exceeds what its conversions would have cost in the same campaigns.
    """

    account: Key
    words: str
    terms: int
    clicks: int
    cost_micros: int
    conversions: Decimal
    expected: Decimal
    chance: float
    wasted_micros: int

    @property
    def evidence(self) -> Mapping[str, int | Decimal | float | None]:
        """The numbers that explain it."""
        return {
            "terms": self.terms,
            "clicks": self.clicks,
            "cost_micros": self.cost_micros,
            "conversions": self.conversions,
            "expected": self.expected,
            "chance": self.chance,
        }


@dataclass(slots=True)
class _Sums:
    clicks: int = 0
    cost_micros: int = 0
    conversions: Decimal = Decimal(0)

    def add(self, term: SearchTerm) -> None:
        self.clicks += term.clicks
        self.cost_micros += term.cost_micros
        self.conversions += term.conversions


def matched(text: str) -> str:
    """Return a text as it is compared: without regard to case, width of characters and number of spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def worth_adding(
    terms: Sequence[SearchTerm], *, keywords: Collection[str], goals: Mapping[Key, int] | None = None
) -> tuple[Addition, ...]:
    """Return terms that are worth a keyword, those that gain most first.

    The goal is the cost per conversion that `goals` has for an account in micros, else that of all its terms together.
    A term's rate of conversions per click is given the prior of its campaign with the weight of 2 conversions (gamma
    prior, Poisson counts; the posterior is a gamma as well). It is worth adding if it has 2 conversions or more, its
    cost per conversion is at most the goal, and the probability of that, at its present cost per click, is 80% or more.
    A term equal to one of the `keywords` (see `matched`) is left out. Raises BadInput for figures below zero.
    """
    known = {matched(keyword) for keyword in keywords}
    campaigns, accounts = _by(terms, level=3), _by(terms, level=2)
    found = []
    for term in _merged(terms):
        account = accounts[term.campaign[:2]]
        goal = (goals or {}).get(term.campaign[:2]) or _ratio(account.cost_micros, account.conversions)
        if not goal or term.conversions < _LEAST_CONVERSIONS or not term.clicks or matched(term.text) in known:
            continue
        cpa = _ratio(term.cost_micros, term.conversions)
        if cpa is None or cpa > goal:
            continue
        whole = campaigns[term.campaign]
        weight = _PRIOR_CONVERSIONS * whole.clicks / float(whole.conversions)
        needed = term.cost_micros / term.clicks / goal
        certainty = gamma_above(needed, shape=_PRIOR_CONVERSIONS + float(term.conversions), rate=weight + term.clicks)
        if certainty >= _SURE:
            found.append(
                Addition(
                    campaign=term.campaign,
                    text=term.text,
                    clicks=term.clicks,
                    cost_micros=term.cost_micros,
                    conversions=term.conversions,
                    cpa_micros=cpa,
                    goal_micros=goal,
                    certainty=round(certainty, 4),
                    gained_micros=round(term.conversions * goal) - term.cost_micros,
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.gained_micros, each.campaign, each.text)))


def worth_excluding(terms: Sequence[SearchTerm], *, keywords: Collection[str]) -> tuple[Exclusion, ...]:
    """Return terms without a conversion that have had their chance, the costliest first.

    The chance of none among a term's clicks is exact (binomial) at the conversion rate of the rest of its campaign, and
    is corrected over all terms without conversions by Benjamini and Hochberg to 5%. A term must also have cost as much
    as a conversion costs in the rest of its campaign. A term that is one of the `keywords` is left to whoever judges
    keywords: excluding it would stop the keyword. Campaigns in which nothing converts say nothing about their terms.
    Raises BadInput for figures below zero.
    """
    known = {matched(keyword) for keyword in keywords}
    campaigns = _by(terms, level=3)
    tested: list[tuple[SearchTerm, float, float]] = []
    for term in _merged(terms):
        whole = campaigns[term.campaign]
        rest = whole.clicks - term.clicks
        if term.conversions or not term.clicks or not whole.conversions or rest <= 0:
            continue
        rate = min(0.99, float(whole.conversions) / rest)
        tested.append((term, rate * term.clicks, binomial_at_most(0, trials=term.clicks, chance=rate)))
    chances = adjusted([chance for _term, _expected, chance in tested])
    found = []
    for (term, expected, _chance), chance in zip(tested, chances, strict=True):
        whole = campaigns[term.campaign]
        dear = term.cost_micros * whole.conversions >= whole.cost_micros - term.cost_micros
        if chance <= _LEVEL and dear and term.cost_micros and matched(term.text) not in known:
            found.append(
                Exclusion(
                    campaign=term.campaign,
                    text=term.text,
                    clicks=term.clicks,
                    cost_micros=term.cost_micros,
                    expected=round(Decimal(expected), 2),
                    chance=chance,
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.cost_micros, each.campaign, each.text)))


def wasted_words(terms: Sequence[SearchTerm], *, keep: Collection[str] = ()) -> tuple[WastedWords, ...]:
    """Return words, alone or up to three in a row, that waste over at least three terms, the most wasted first.

    Each word is counted once a term. Its clicks would bring so many conversions at the rates of their campaigns; the
    chance of as few as it brought (Poisson, with a tenth of variation between words) is corrected over all words by
    Benjamini and Hochberg to 5%. Longer ones are left out where a part of them is reported already or has the same
    clicks. `keep` are texts whose words are never reported: keywords, brand names. Words are what spaces separate,
    without punctuation at their ends; a language that writes without spaces gives whole terms.
    """
    kept = {word for text in keep for word in _words(text)}
    campaigns = _by(terms, level=3)
    cells: dict[tuple[Key, tuple[str, ...]], list[SearchTerm]] = defaultdict(list)
    for term in _merged(terms):
        words = _words(term.text)
        grams = {tuple(words[at : at + size]) for size in range(1, _LONGEST + 1) for at in range(len(words) - size + 1)}
        for gram in grams:
            if not kept.intersection(gram):
                cells[term.campaign[:2], gram].append(term)
    tested = [
        (account, gram, of_words, *_expected(of_words, campaigns))
        for (account, gram), of_words in cells.items()
        if len({matched(term.text) for term in of_words}) >= _LEAST_TERMS
    ]
    if not tested:
        return ()
    counts = [float(sum(term.conversions for term in of_words)) for _, _, of_words, _, _ in tested]
    means = [max(mean, 1e-9) for _, _, _, mean, _ in tested]
    chances = adjusted(at_most(counts, mean=means, spread=[0.01] * len(means)).tolist())
    found: dict[tuple[Key, tuple[str, ...]], WastedWords] = {}
    order = sorted(range(len(tested)), key=lambda place: (len(tested[place][1]), tested[place][1]))
    for place in order:
        account, gram, of_words, expected, worth = tested[place]
        wasted = sum(term.cost_micros for term in of_words) - worth
        if chances[place] > _LEVEL or wasted <= 0 or any((account, part) in found for part in _parts(gram)):
            continue
        found[account, gram] = WastedWords(
            account=account,
            words=" ".join(gram),
            terms=len({matched(term.text) for term in of_words}),
            clicks=sum(term.clicks for term in of_words),
            cost_micros=sum(term.cost_micros for term in of_words),
            conversions=sum((term.conversions for term in of_words), Decimal(0)),
            expected=round(Decimal(expected), 2),
            chance=chances[place],
            wasted_micros=wasted,
        )
    return tuple(sorted(found.values(), key=lambda each: (-each.wasted_micros, each.account, each.words)))


def _expected(terms: Iterable[SearchTerm], campaigns: Mapping[Key, _Sums]) -> tuple[float, int]:
    """Return the conversions that clicks bring in their campaigns, and what the ones they brought cost there."""
    mean, worth = 0.0, Decimal(0)
    for term in terms:
        whole = campaigns[term.campaign]
        if whole.clicks:
            mean += term.clicks * float(whole.conversions) / whole.clicks
        if whole.conversions:
            worth += term.conversions * whole.cost_micros / whole.conversions
        else:
            worth += term.cost_micros  # a campaign without conversions says nothing about its words
    return mean, round(worth)


def _parts(gram: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (gram[at : at + size] for size in range(1, len(gram)) for at in range(len(gram) - size + 1))


def _words(text: str) -> list[str]:
    return [word for part in matched(text).split() if (word := part.strip(_EDGES))]


def _by(terms: Iterable[SearchTerm], *, level: int) -> dict[Key, _Sums]:
    sums: dict[Key, _Sums] = defaultdict(_Sums)
    for term in terms:
        if min(term.clicks, term.cost_micros, term.impressions) < 0 or term.conversions < 0:
            raise BadInput(f"The search term {term.text!r} has a figure below zero.")
        sums[term.campaign[:level]].add(term)
    return sums


def _merged(terms: Iterable[SearchTerm]) -> list[SearchTerm]:
    """Add up what is the same text in a campaign; it keeps the first way of writing."""
    cells: dict[tuple[Key, str], list[SearchTerm]] = defaultdict(list)
    for term in terms:
        cells[term.campaign, matched(term.text)].append(term)
    return [
        SearchTerm(
            campaign=same[0].campaign,
            text=same[0].text,
            clicks=sum(term.clicks for term in same),
            cost_micros=sum(term.cost_micros for term in same),
            conversions=sum((term.conversions for term in same), Decimal(0)),
            impressions=sum(term.impressions for term in same),
        )
        for same in cells.values()
    ]


def _ratio(micros: int, count: Decimal) -> int | None:
    return round(micros / count) if count else None
