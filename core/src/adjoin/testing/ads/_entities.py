"""Promises about accounts, and about campaigns, ad groups, ads and keywords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adjoin.ads import v2
from adjoin.ads.words import CHANNELS, OBJECTIVES
from adjoin.testing._ads_probe import ENTITIES, Reader
from adjoin.testing._ads_stage import Stage
from adjoin.testing.ads._fixtures import Fixtures

__all__ = ["EntityPromises"]

_MATCH_TYPES = ("exact", "phrase", "broad", "unknown")

#: What a platform may leave out of its lists.
_GONE = frozenset({v2.Status.REMOVED, v2.Status.ARCHIVED})


class EntityPromises(Fixtures):
    """What there is."""

    # --- accounts ---------------------------------------------------------------------------------------------------

    def test_there_is_an_account(self, reader: Reader) -> None:
        assert reader.accounts(), "the suite needs at least one account to read"

    def test_accounts_have_ids_of_their_own(self, reader: Reader) -> None:
        ids = [account.id for account in reader.accounts()]

        assert all(ids), "an account without an id"
        assert len(ids) == len(set(ids)), f"each account once (paging that overlaps?), got {ids}"

    def test_accounts_have_an_iso_currency(self, reader: Reader) -> None:
        for account in reader.accounts():
            assert re.fullmatch("[A-Z]{3}", account.currency), f"{account.id}: {account.currency!r} is not ISO 4217"

    def test_accounts_have_an_iana_time_zone(self, reader: Reader) -> None:
        """A reporting day is a day of this zone; ZoneInfo must know it."""
        for account in reader.accounts():
            ZoneInfo(account.time_zone)

    def test_accounts_are_the_same_when_asked_again(self, reader: Reader) -> None:
        first, again = reader.accounts(), reader.accounts()

        assert sorted(first, key=lambda one: one.id) == sorted(again, key=lambda one: one.id)

    def test_the_hierarchy_of_accounts_has_a_top(self, reader: Reader) -> None:
        """Reports are grouped by parent, so following it must come to an end."""
        listed = {account.id: account for account in reader.accounts()}
        for account in listed.values():
            way = [account.id]
            while (parent := listed[way[-1]].parent_id) in listed:
                assert parent not in way, f"account {account.id} is above itself: {' > '.join([*way, str(parent)])}"
                way.append(str(parent))
            assert parent != "", f"account {way[-1]}: without a parent parent_id is None, not an empty text"

    # --- entities ---------------------------------------------------------------------------------------------------

    def test_an_entity_stream_yields_only_its_entities(self, reader: Reader) -> None:
        for stream in reader.streams("entities"):
            for account in reader.readable_accounts():
                for batch in reader.read(stream.name, account):
                    assert isinstance(batch, v2.EntityBatch), f"{stream.name} is a list of entities"
                    assert {type(one) for one in batch.entities} <= {ENTITIES[stream.name]}, f"in {stream.name}"

    def test_entities_belong_to_the_account_that_was_asked_for(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in ENTITIES.values():
                for one in reader.entities(account, kind):
                    assert one.account_id == account.id, f"{kind.__name__} {one.id} is of {one.account_id}"

    def test_entities_come_once(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in ENTITIES.values():
                ids = [one.id for one in reader.entities(account, kind)]
                assert all(ids), f"{kind.__name__} without an id"
                assert len(ids) == len(set(ids)), f"{kind.__name__} twice in account {account.id}"

    def test_entities_have_parents_that_exist(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            campaigns = {one.id for one in reader.entities(account, v2.Campaign)}
            ad_groups = {one.id for one in reader.entities(account, v2.AdGroup)}
            for ad_group in reader.entities(account, v2.AdGroup):
                assert isinstance(ad_group, v2.AdGroup)
                assert ad_group.campaign_id in campaigns, f"ad group {ad_group.id}: no campaign {ad_group.campaign_id}"
            for ad in reader.entities(account, v2.Ad):
                assert isinstance(ad, v2.Ad)
                assert ad.campaign_id in campaigns, f"ad {ad.id}: there is no campaign {ad.campaign_id}"
                assert not ad_groups or ad.ad_group_id in ad_groups, f"ad {ad.id}: no ad group {ad.ad_group_id}"
            for keyword in reader.entities(account, v2.Keyword):
                assert isinstance(keyword, v2.Keyword)
                assert keyword.campaign_id in campaigns, f"keyword {keyword.id}: no campaign {keyword.campaign_id}"
                assert keyword.ad_group_id in ad_groups, f"keyword {keyword.id}: no ad group {keyword.ad_group_id}"

    def test_budgets_and_bids_are_not_negative(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in (v2.Campaign, v2.AdGroup, v2.Keyword):
                for one in reader.entities(account, kind):
                    for name in ("daily_budget_micros", "lifetime_budget_micros", "bid_micros"):
                        value = getattr(one, name, None)
                        assert value is None or value >= 0, f"{kind.__name__} {one.id}: {name} is {value}"

    def test_objectives_and_channels_are_canonical_words(self, reader: Reader) -> None:
        """People compare campaigns across platforms by them; a word that fits none of them is `other`."""
        for account in reader.readable_accounts():
            for one in reader.entities(account, v2.Campaign):
                assert isinstance(one, v2.Campaign)
                for name, value, known in (
                    ("objective", one.objective, OBJECTIVES),
                    ("channel", one.channel, CHANNELS),
                ):
                    assert value is None or value in known, (
                        f"campaign {one.id}: the {name} {value!r} is none of {', '.join(sorted(known))} "
                        "(adjoin.ads.words)"
                    )

    def test_keywords_have_a_text_and_a_match_type(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for one in reader.entities(account, v2.Keyword):
                assert isinstance(one, v2.Keyword)
                assert one.name.strip(), f"keyword {one.id}: its name is the text that is bid on"
                assert one.match_type in _MATCH_TYPES, (
                    f"keyword {one.id}: {one.match_type!r} is none of {', '.join(_MATCH_TYPES)}"
                )

    def test_what_is_listed_is_what_the_world_knows(self, reader: Reader, stage: Stage) -> None:
        """Nothing is missing, the paused and ended ones neither; the removed ones, and what is below them, may be."""
        self.need(reader, "sandbox")
        presence = stage.world.on(stage.platform)
        for account in reader.readable_accounts():
            known: dict[type[Any], Sequence[Any]] = {
                v2.Campaign: presence.campaigns(account.id),
                v2.AdGroup: presence.ad_groups(account.id),
                v2.Ad: presence.ads(account.id),
                v2.Keyword: presence.keywords(account.id),
            }
            gone = {one.id for objects in known.values() for one in objects if one.status in _GONE}
            for stream, kind in ENTITIES.items():
                if stream not in {one.name for one in reader.streams("entities")}:
                    continue
                found = {one.id: one for one in reader.entities(account, kind)}
                objects = {one.id: one for one in known[kind]}
                missing = [one.id for one in objects.values() if one.id not in found and not _line(one) & gone]
                assert not missing, f"{stream} of {account.id}: {len(missing)} are missing, such as {missing[0]}"
                assert not set(found) - set(objects), (
                    f"{stream} of {account.id}: there are none with the ids {sorted(set(found) - set(objects))[:3]}"
                )
                for one in found.values() if kind is not v2.Ad else ():
                    name = getattr(objects[one.id], "text", None) or getattr(objects[one.id], "name", None)
                    assert one.name == name, f"{stream} of {account.id}: {one.id} is called {name!r}, not {one.name!r}"

    def test_reading_what_has_changed_gives_what_reading_all_gives(self, reader: Reader, stage: Stage) -> None:
        """An incremental list that misses a change shows a wrong state until somebody reads all again."""
        incremental = [one.name for one in reader.streams("entities") if one.incremental]
        if not incremental:
            pytest.skip("not implemented: incremental lists (`Stream.incremental`)")
        self.need(reader, "sandbox")
        world, presence = stage.world, stage.world.on(stage.platform)
        account = next(one for one in reader.readable_accounts() if presence.ads(one.id))
        before = {name: {one.id: one for one in reader.entities(account, ENTITIES[name])} for name in incremental}
        since = world.now
        world.set_now(since + timedelta(hours=2))
        presence.update(replace(presence.campaigns(account.id)[0], name="Renamed campaign"))
        group = presence.ad_groups(account.id)[0]
        presence.update(replace(group, name="Renamed ad group"))
        presence.update(replace(presence.ads(account.id)[-1], status=v2.Status.REMOVED))
        presence.create_ad_group(campaign_id=group.campaign_id, name="New ad group", status=v2.Status.ACTIVE)
        if keywords := presence.keywords(account.id):
            presence.update(replace(keywords[0], status=v2.Status.PAUSED))
        world.set_now(since + timedelta(hours=3))
        token = v2.Credential(access_token=world.token(stage.platform))
        later = Reader(reader.kernel, reader.platform, stage.client(token))  # with the later clock
        for name in incremental:
            changed = later.entities(account, ENTITIES[name], updated_since=since)
            merged = before[name] | {one.id: one for one in changed}
            whole = {one.id: one for one in later.entities(account, ENTITIES[name])}
            left = {key: one for key, one in merged.items() if key in whole or one.status is not v2.Status.REMOVED}
            different = sorted(key for key in set(left) | set(whole) if left.get(key) != whole.get(key))
            assert not different, (
                f"{name}: {len(different)} differ between all that were read before plus the changes since, and all "
                f"that are read now, such as {left.get(different[0])} and {whole.get(different[0])}"
            )

    def test_instants_are_aware(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in ENTITIES.values():
                for one in reader.entities(account, kind):
                    instant = one.updated_at
                    assert instant is None or instant.utcoffset() is not None, f"{one.id}: updated_at has no zone"


def _line(item: Any) -> set[str]:
    """The ids of an object of the world and of all that is above it."""
    above = (getattr(item, name, None) for name in ("campaign_id", "ad_group_id"))
    return {item.id, *filter(None, above)}
