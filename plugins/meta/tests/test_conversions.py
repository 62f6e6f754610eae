"""The rule for conversions."""

from __future__ import annotations

import numpy as np
import pytest

from adjoin_meta.conversions import RULE, STEPS, action_names, chosen, code_of, count_to_nanos, counts


def _pick(actions: list[tuple[str, str]]) -> dict[str, int]:
    """Choose from one row's actions."""
    kept = [(code_of(name), int(value)) for name, value in actions if code_of(name) >= 0]
    codes, values = np.array(kept, dtype=np.int64).reshape(-1, 2).T
    found = chosen(np.zeros(len(kept), dtype=np.int64), codes, values)
    assert (found.place == 0).all()
    return {found.actions[at]: figure for at, figure in zip(found.action, found.figure.tolist(), strict=True)}


def _chosen(**figures: str) -> dict[str, int]:
    return _pick([(name.replace("__", "."), value) for name, value in figures.items()])


@pytest.mark.parametrize("backwards", [False, True])
def test_one_event_under_many_names_counts_once(backwards):
    actions = [
        ("purchase", "4"),
        ("omni_purchase", "5"),
        ("offsite_conversion.fb_pixel_purchase", "3"),
        ("web_in_store_purchase", "5"),
        ("onsite_web_purchase", "5"),
    ]
    assert _pick(actions[::-1] if backwards else actions) == {"purchases": 5}


def test_purchases_fall_back_from_omni_to_all_to_the_pixel():
    assert _chosen(purchase="4", offsite_conversion__fb_pixel_purchase="3") == {"purchases": 4}
    assert _chosen(offsite_conversion__fb_pixel_purchase="3") == {"purchases": 3}


def test_leads_of_forms_and_website_are_added_only_without_their_total():
    parts = {"onsite_conversion__lead_grouped": "2", "offsite_conversion__fb_pixel_lead": "3"}
    assert _chosen(**parts) == {"leads": 5}
    assert _chosen(**parts, lead="6") == {"leads": 6}
    assert _chosen(lead="6", **parts) == {"leads": 6}


def test_engagement_is_left_out_and_custom_conversions_stay():
    found = _chosen(link_click="9", video_view="7", post_engagement="8", offsite_conversion__custom__77="2")
    assert found == {"offsite_conversion.custom.77": 2}


def test_steps_on_the_way_are_kept_but_do_not_count():
    assert _chosen(add_to_cart="4", omni_add_to_cart="4", initiate_checkout="2") == {
        "add_to_cart": 4,
        "checkouts": 2,
    }
    assert not any(counts(action) for action in STEPS)
    assert all(counts(action) for action in RULE if action not in STEPS)
    assert counts("Newsletter")


def test_custom_conversions_have_names_that_are_never_shared():
    names = {"1": "Newsletter", "2": "Demo", "3": "Demo", "4": "purchases"}
    called = action_names([f"offsite_conversion.custom.{number}" for number in "12345"], names)
    assert list(called.values()) == ["Newsletter", "Demo (2)", "Demo (3)", "purchases (4)", "custom.5"]


@pytest.mark.parametrize(("text", "nanos"), [("3", 3 * 10**9), ("2.5", 2_500_000_000), ("0.000000001", 1)])
def test_counts_may_be_fractions(text, nanos):
    assert count_to_nanos(text) == nanos


def test_what_is_no_count_is_refused():
    with pytest.raises(ValueError, match="no count"):
        count_to_nanos("many")


def test_rows_are_told_apart_whatever_the_order():
    """The rule is applied within a row, and rows without results do not appear."""
    codes = [code_of(name) for name in ("omni_purchase", "purchase", "lead", "purchase", "omni_purchase")]
    found = chosen(np.array([7, 7, 2, 9, 2]), np.array(codes), np.array([3, 5, 1, 4, 6]))
    rows = zip(found.place.tolist(), (found.actions[at] for at in found.action), found.figure.tolist(), strict=True)
    assert sorted(rows) == [(2, "leads", 1), (2, "purchases", 6), (7, "purchases", 3), (9, "purchases", 4)]


def test_nothing_gives_nothing():
    nothing = np.zeros(0, dtype=np.int64)
    assert len(chosen(nothing, nothing, nothing).place) == 0
