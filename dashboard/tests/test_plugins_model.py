"""The Plugins page says what each plugin is for, and what is wrong with one."""

from __future__ import annotations

from typing import Any

from adjoin.kernel import Report
from adjoin_dashboard.plugins.contributions import Contributions
from adjoin_dashboard.plugins.model import Card, cards


def reported(name: str, contract: str, **values: Any) -> Report:
    given = {"state": "ok", "version": "1.0", "contract_version": 1} | values
    return Report(name=name, package=f"{name}-package", contract=contract, **given)


def found(*reports: Report, problems: tuple[tuple[str, str], ...] = ()) -> list[Card]:
    added = {
        "google": Contributions(adds={"Ad platform": ["Google Ads"]}),
        "dashboard": Contributions(adds={"Pages": ["Overview", "Sync runs"]}),
        "extras": Contributions(adds={"Jobs": ["tidy (every day)"], "Routes": ["GET /a", "GET /b"], "Tables": []}),
        "sick": Contributions(problems=["Jobs could not be listed: no."]),
    }
    return cards(reports, problems, added)


def test_platforms_and_pages_are_named_and_the_rest_is_counted() -> None:
    loaded = [reported("google", "ads"), reported("dashboard", "surface"), reported("extras", "surface")]
    lines = found(*loaded, reported("smtp", "mail"))
    assert [(line.name, line.summary) for line in lines] == [
        ("dashboard", "Overview, Sync runs"),
        ("extras", "1 job, 2 routes"),
        ("google", "Google Ads"),
        ("smtp", "Sending mail"),
    ]


def test_a_plugin_with_two_contracts_is_one() -> None:
    """It works partly where one of them was refused, and says for which."""
    refused = reported("google", "surface", state="refused", error="It speaks v9.", notes=("An old one.",))
    (line,) = found(reported("google", "ads", contract_version=2), refused)
    assert (line.state, line.contracts) == ("◐ Partly", ("ads v2", "surface v1"))
    assert line.packages == ("google-package 1.0",)
    assert line.problem == "surface v1: It speaks v9."
    assert line.notes == ("An old one.",)


def test_what_is_switched_off_says_so() -> None:
    (line,) = found(reported("linkedin", "ads", state="disabled"))
    assert (line.summary, line.state, line.switched_off, line.loaded) == ("", "– Switched off", True, False)


def test_problems_come_first_and_say_why() -> None:
    """A plugin whose pages cannot be listed works partly."""
    lines = found(
        reported("google", "ads"),
        reported("zeta", "surface"),
        reported("sick", "surface"),
        reported("gone", "ads", state="failed", error="No module."),
        problems=(("zeta", "No pages today."),),
    )
    assert [(line.name, line.state, line.problem) for line in lines] == [
        ("gone", "✕ Failed", "ads v1: No module."),
        ("sick", "◐ Partly", "Jobs could not be listed: no."),
        ("zeta", "◐ Partly", "No pages today."),
        ("google", "✓ Loaded", ""),
    ]
