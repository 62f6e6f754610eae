"""What conversion rules are called."""

from __future__ import annotations

import pytest

from adjoin_linkedin.conversions import Rule, actions_of


@pytest.mark.parametrize(
    ("kind", "action"),
    [("PURCHASE", "purchases"), ("SIGN_UP", "registrations"), ("LEAD", "leads"), ("ADD_TO_CART", "add_to_cart")],
)
def test_types_are_the_actions_that_all_platforms_share(kind, action):
    assert actions_of(["1"], [Rule(1, "Whatever", kind)]) == {"1": action}


def test_other_types_keep_the_name_of_the_rule():
    rules = [Rule(1, "Whitepaper", "DOWNLOAD"), Rule(2, "Newsletter", "OTHER"), Rule(3, "Beamed up", "TELEPORT")]
    assert actions_of(["1", "2", "3"], rules) == {"1": "Whitepaper", "2": "Newsletter", "3": "Beamed up"}


def test_names_that_could_be_mixed_up_get_the_number_behind():
    rules = [Rule(1, "Demo"), Rule(2, "Demo", "OTHER"), Rule(3, "purchases", "OTHER"), Rule(4, "Demo", "PURCHASE")]
    called = {"1": "Demo (1)", "2": "Demo (2)", "3": "purchases (3)", "4": "purchases"}
    assert actions_of(["1", "2", "3", "4"], rules) == called
    # Whatever else occurs.
    assert actions_of(["1"], rules) == {"1": "Demo (1)"}


def test_a_rule_that_is_not_there_any_more_goes_by_its_number():
    assert actions_of(["7", "8"], [Rule(8, "", "OTHER")]) == {"7": "conversion 7", "8": "conversion 8"}
