"""Sentences for the reader of an answer: what was not added, what platforms do not give, what a dataset lacks."""

from __future__ import annotations

from collections import defaultdict

from adjoin.analytics import v1
from adjoin.facts.query import LADDER
from adjoin_analytics.asking.planning import Plan
from adjoin_analytics.definitions.catalogue import Catalogue

__all__ = ["notes_of"]

_PARTIAL = {
    "keyword_daily": "Not all results have a keyword, so these are less than the campaigns' results.",
    "search_term_daily": (
        "Platforms keep rare search terms to themselves, so these are less than the campaigns' results."
    ),
}


def notes_of(context: v1.AnalyticsContext, catalogue: Catalogue, plan: Plan, *, mixed: bool) -> list[str]:
    """Return what is to be said; `mixed` says whether the totals hold amounts in several currencies."""
    notes = []
    if mixed:
        notes.append(
            f"Amounts are in {', '.join(plan.currencies)} and were not added; name a currency to convert them."
        )
    files = plan.readings["facts_now"].files
    datasets: dict[str, set[str]] = defaultdict(set)
    lacking: dict[str, set[str]] = defaultdict(lambda: set(plan.shape.sums))
    for file in files:
        datasets[file.platform].add(file.dataset)
        lacking[file.platform] &= file.lacking
    read = {dataset for found in datasets.values() for dataset in found}
    notes += [note for dataset, note in _PARTIAL.items() if dataset in read]
    for platform, found in sorted(datasets.items()):
        described = context.platforms.get(platform)
        if described is None:
            continue
        for pair, reason in described.known_gaps.items():
            finer = pair.split("<", 1)[0]
            if finer in LADDER and any(one in LADDER[LADDER.index(finer) :] for one in found):
                notes.append(f"{described.title}: {reason}")
    for measure in plan.shape.measures:
        told = catalogue.metrics[measure.name]
        without = sorted(name for name, sums in lacking.items() if sums & set(told.sums))
        if without and len(without) < len(datasets):
            titles = [context.platforms[one].title if one in context.platforms else one for one in without]
            notes.append(f"{told.title}: {', '.join(titles)} gave none on these days, so they are missing there.")
    return list(dict.fromkeys(notes))
