"""The rule for conversions."""

from __future__ import annotations

import pytest

from adjoin_meta.conversions import RULE, STEPS, action_names, chosen, count_to_nanos, counts
from adjoin_meta.rows import Action


def _chosen(**figures: str) -> dict[str, int]:
    return chosen([Action(name.replace("__", "."), value) for name, value in figures.items()], int)


@pytest.mark.parametrize("backwards", [False, True])
def test_one_event_under_many_names_counts_once(backwards):
    actions = [
        Action("purchase", "4"),
        Action("omni_purchase", "5"),
        Action("offsite_conversion.fb_pixel_purchase", "3"),
        Action("web_in_store_purchase", "5"),
        Action("onsite_web_purchase", "5"),
    ]
    assert chosen(actions[::-1] if backwards else actions, int) == {"purchases": 5}


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
