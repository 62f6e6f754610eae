"""What an operator names is found, and what is not there is said with what is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from adjoin.ads import v2
from adjoin.db.models import DEFAULT_WORKSPACE, Account
from adjoin.errors import BadInput, UnknownName, UsageError
from adjoin.sync.choosing import choose


def choices(house, **options):
    return choose(house.store, house.connections, workspace_id=DEFAULT_WORKSPACE, **options)


def change(house, account_id, **values):
    with house.store.write() as session:
        row = session.get_one(Account, (DEFAULT_WORKSPACE, "fake", account_id))
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def test_without_words_it_is_everything(house):
    (choice,) = choices(house)
    assert choice.connection.id == house.connection.id
    assert (choice.days, choice.accounts, choice.streams) == (None, None, None)


def test_accounts_datasets_and_days_limit_it(house):
    days = (date(2026, 3, 1), date(2026, 3, 2))
    (choice,) = choices(house, accounts=["a2"], datasets=["campaign_daily", "campaigns"], days=days)
    assert (choice.days, choice.accounts, choice.streams) == (days, {"a2"}, {"campaign_daily", "campaigns"})


def test_a_dataset_that_comes_along_with_another_names_that_one(house):
    house.platform.streams = tuple(
        replace(one, yields=("conversion_daily",)) if one.name == "campaign_daily" else one
        for one in house.platform.streams
    )
    (choice,) = choices(house, datasets=["conversion_daily"])
    assert choice.streams == {"campaign_daily"}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"platform": "gogle"}, UnknownName, "no ads plugin 'gogle'"),
        ({"accounts": ["a9"]}, UnknownName, "no connection reaches an account 'a9'; there are a1, a2"),
        (
            {"datasets": ["ad_hourly"]},
            UnknownName,
            "no dataset 'ad_hourly' on Fake; there are account_daily,",
        ),
    ],
)
def test_what_is_not_there_is_said_with_what_is(house, options, error, words):
    with pytest.raises(error, match=words):
        choices(house, **options)


def test_an_account_that_cannot_be_read_says_why(house):
    change(house, "a2", readable=False, note="not read: CANCELED")
    with pytest.raises(BadInput, match=r"account a2 \(Shop a2\) cannot be read: CANCELED"):
        choices(house, accounts=["a2"])


def test_nothing_connected_names_the_command(house):
    house.connections.find = lambda workspace_id, platform=None: []
    with pytest.raises(UsageError, match="there is no connection to fake to sync; run `adjoin connect fake`"):
        choices(house, platform="fake")


def test_an_account_of_another_connection_is_not_taken_for_ones_own(house, monkeypatch):
    """Its platform is named, so that the operator sees which one was meant."""
    other = replace_connection(house)
    monkeypatch.setattr(house.connections, "find", lambda workspace_id, platform=None: [other])
    with pytest.raises(BadInput, match=r"account a1 \(Shop a1\) belongs to a connection to Fake"):
        choices(house, accounts=["a1"])


def replace_connection(house):
    """Another connection of the same platform, which reaches an account of its own."""
    house.platform.listing = [v2.Account(id="b1", name="Shop b1", currency="EUR", time_zone="UTC")]
    return house.connect("another")
