"""The file of a bulk download, in format version 6.0: a row per object, with the columns of all kinds of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from adjoin.testing.world import WorldAccount, WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword, WorldObject
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.columns import words
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.objects import Objects

__all__ = ["ENTITIES", "BulkOrder", "BulkWriter"]

#: What can be downloaded here; the vendor's enumeration has some 250 values.
ENTITIES = words("Campaigns AdGroups Ads Keywords Budgets ResponsiveSearchAds ExpandedTextAds ResponsiveAds ProductAds")
_AD_ENTITIES: Mapping[str, str] = {
    "ResponsiveSearch": "ResponsiveSearchAds",
    "ExpandedText": "ExpandedTextAds",
    "ResponsiveAd": "ResponsiveAds",
    "Product": "ProductAds",
}
_AD_ROWS: Mapping[str, str] = {
    "ResponsiveSearch": "Responsive Search Ad",
    "ExpandedText": "Expanded Text Ad",
    "ResponsiveAd": "Responsive Ad",
    "Product": "Product Ad",
}
#: Separated by commas, in the order of the file.
_HEADING = """
Type,Status,Id,Parent Id,Sub Type,Campaign,Ad Group,Website,Sync Time,Client Id,Modified Time,Time Zone,
Budget Id,Budget Name,Budget,Budget Type,Campaign Type,Bid Strategy Type,Language,Start Date,End Date,
Network Distribution,Ad Rotation,Cpc Bid,Cpm Bid,Cpv Bid,Privacy Status,Keyword,Match Type,Bid,Editorial Status,
Title,Text,Text Part 2,Title Part 1,Title Part 2,Title Part 3,Headline,Headlines,Long Headline,Description,
Descriptions,Business Name,Path 1,Path 2,Domain,Images,Videos,Promotion,Final Url,Mobile Final Url,
Tracking Template,Final Url Suffix,MSCLKID Auto Tagging Enabled,Is Political,Name
"""
_COLUMNS = tuple(_HEADING.replace("\n", "").split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOrder:
    """A download as it was ordered. `since` asks for what has changed from then on, deleted objects too."""

    account: WorldAccount
    entities: frozenset[str]
    campaigns: frozenset[str] | None
    since: datetime | None
    delimiter: str
    as_of: datetime
    news: bool = False


class BulkWriter:
    """Writes the objects of an account as they are at the moment."""

    def __init__(self, objects: Objects, directory: Directory) -> None:
        self._objects = objects
        self._directory = directory

    def content(self, order: BulkOrder) -> bytes:
        """Return the text file: format version, account, campaigns, ad groups, ads, keywords."""
        made = io.StringIO()
        columns = [*_COLUMNS, "Sandbox News"] if order.news else [*_COLUMNS]
        writer = csv.DictWriter(made, columns, restval="", delimiter=order.delimiter, lineterminator="\r\n")
        writer.writeheader()
        rows = [self._head(order), *self._rows(order)]
        if order.news:
            rows[-1] = [{**row, "Sandbox News": "yes"} for row in rows[-1]]
            if len(rows[-1]) > 1:
                rows[-1][-1] |= {"Status": "Hibernating"}
            rows.append([{"Type": "Sandbox Curiosity", "Id": "1", "Parent Id": order.account.id, "Status": "Active"}])
        for part in rows:
            writer.writerows(part)
        return made.getvalue().encode("utf-8-sig")

    def _head(self, order: BulkOrder) -> list[dict[str, Any]]:
        account = order.account
        return [
            {"Type": "Format Version", "Name": "6.0"},
            {
                "Type": "Account",
                "Id": account.id,
                "Parent Id": self._directory.customer_of(account).id,
                "Sync Time": _moment(order.as_of),
                "MSCLKID Auto Tagging Enabled": "false",
            },
        ]

    def _rows(self, order: BulkOrder) -> list[list[dict[str, Any]]]:
        found = list(self._selected(order))
        campaigns = [self._campaign(item, order) for item in found if isinstance(item, WorldCampaign)]
        groups = [self._ad_group(item) for item in found if isinstance(item, WorldAdGroup)]
        ads = [self._ad(item) for item in found if isinstance(item, WorldAd) and self._wanted(item, order.entities)]
        keywords = [self._keyword(item) for item in found if isinstance(item, WorldKeyword)]
        budgets = [
            {
                "Type": "Budget",
                "Status": "Active",
                "Id": budget.id,
                "Parent Id": order.account.id,
                "Budget Name": budget.name,
                "Budget Type": "DailyBudgetStandard",
                "Budget": _amount(self._objects.details.amount(budget)),
            }
            for budget in self._objects.details.all_budgets(order.account.id)
        ]
        asked = order.entities
        return [
            budgets if "Budgets" in asked else [],
            campaigns if "Campaigns" in asked else [],
            groups if "AdGroups" in asked else [],
            ads,
            keywords if "Keywords" in asked else [],
        ]

    def _wanted(self, ad: WorldAd, entities: frozenset[str]) -> bool:
        return "Ads" in entities or _AD_ENTITIES[self._objects.ad_type(ad)] in entities

    def _selected(self, order: BulkOrder) -> Iterator[WorldObject]:
        """Yield what belongs in the file. What was deleted shows only among changes, and nothing that was below it."""
        world, account_id = self._objects.world, order.account.id
        everything: Sequence[WorldObject] = (
            (
                *world.campaigns(account_id),
                *world.ad_groups(account_id),
                *world.ads(account_id),
                *world.keywords(account_id),
            )
            if order.since is None
            else world.changed_since(account_id, order.since)
        )
        for item in everything:
            campaign_id = item.id if isinstance(item, WorldCampaign) else item.campaign_id
            if order.campaigns is not None and campaign_id not in order.campaigns:
                continue
            if self._parent_gone(item) or (order.since is None and item.status in states.GONE):
                continue
            yield item

    def _parent_gone(self, item: WorldObject) -> bool:
        if isinstance(item, WorldCampaign):
            return False
        above = [item.campaign_id, *([] if isinstance(item, WorldAdGroup) else [item.ad_group_id])]
        parents = [self._objects.world.find(parent) for parent in above]
        return any(parent is None or parent.status in states.GONE for parent in parents)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _campaign(self, campaign: WorldCampaign, order: BulkOrder) -> dict[str, Any]:
        node = self._objects.campaign_json(campaign, order.account, order.as_of)
        shared = self._objects.details.shared(campaign)
        return _row("Campaign", campaign, node) | {
            "Parent Id": campaign.account_id,
            "Campaign": campaign.name,
            "Sub Type": node["SubType"] or "",
            "Time Zone": node["TimeZone"],
            "Budget": "" if node["DailyBudget"] is None else f"{node['DailyBudget']:.2f}",
            "Budget Type": node["BudgetType"],
            "Budget Id": node["BudgetId"] or "",
            "Budget Name": "" if shared is None else shared.name,
            "Campaign Type": node["CampaignType"],
            "Bid Strategy Type": node["BiddingScheme"]["Type"],
            "Language": ";".join(node["Languages"] or []),
            "Start Date": _day(campaign.start_date if node["UseCampaignLevelDates"] else None),
            "End Date": _day(campaign.end_date),
            "Is Political": "false",
        }

    def _ad_group(self, group: WorldAdGroup) -> dict[str, Any]:
        node = self._objects.ad_group_json(group)
        return _row("Ad Group", group, node) | {
            "Parent Id": group.campaign_id,
            "Campaign": self._name(group.campaign_id),
            "Ad Group": group.name,
            "Start Date": _day(group.start_date),
            "End Date": _day(group.end_date),
            "Network Distribution": node["Network"],
            "Cpc Bid": _amount(group.bid_micros),
            "Language": node["Language"] or "",
            "Bid Strategy Type": "InheritFromParent",
        }

    def _ad(self, ad: WorldAd) -> dict[str, Any]:
        node = self._objects.ad_json(ad)
        kind = self._objects.ad_type(ad)
        row = _row(_AD_ROWS[kind], ad, node) | {
            "Parent Id": ad.ad_group_id,
            "Campaign": self._name(ad.campaign_id),
            "Ad Group": self._name(ad.ad_group_id),
            "Editorial Status": node["EditorialStatus"],
            "Final Url": "; ".join(node["FinalUrls"] or []),
        }
        if kind == "Product":
            return row | {"Promotion": node["PromotionalText"] or ""}
        if kind == "ResponsiveSearch":
            texts = {"Headline": _links(node["Headlines"]), "Description": _links(node["Descriptions"])}
            return row | texts | _plain(node, {"Path1": "Path 1", "Path2": "Path 2", "Domain": "Domain"})
        if kind == "ExpandedText":
            names = {
                "TitlePart1": "Title Part 1",
                "TitlePart2": "Title Part 2",
                "TitlePart3": "Title Part 3",
                "Text": "Text",
                "TextPart2": "Text Part 2",
                "Path1": "Path 1",
                "Path2": "Path 2",
                "Domain": "Domain",
            }
            return row | _plain(node, names)
        names = {"Headline": "Headline", "LongHeadlineString": "Long Headline", "Text": "Text"}
        return (
            row
            | _plain(node, names | {"BusinessName": "Business Name"})
            | {"Headlines": _links(node["Headlines"]), "Descriptions": _links(node["Descriptions"])}
        )

    def _keyword(self, keyword: WorldKeyword) -> dict[str, Any]:
        node = self._objects.keyword_json(keyword)
        return _row("Keyword", keyword, node) | {
            "Parent Id": keyword.ad_group_id,
            "Campaign": self._name(keyword.campaign_id),
            "Ad Group": self._name(keyword.ad_group_id),
            "Keyword": keyword.text,
            "Match Type": node["MatchType"],
            "Bid": _amount(keyword.bid_micros),
            "Editorial Status": node["EditorialStatus"],
            "Final Url": "; ".join(node["FinalUrls"] or []),
            "Bid Strategy Type": "InheritFromParent",
        }

    def _name(self, object_id: str) -> str:
        found = self._objects.world.find(object_id)
        return "" if found is None or isinstance(found, WorldKeyword) else found.name


def _row(kind: str, item: WorldObject, node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": kind,
        "Status": "Deleted" if item.status in states.GONE else node["Status"],
        "Id": item.id,
        "Modified Time": _moment(item.updated_at),
        "Tracking Template": node["TrackingUrlTemplate"] or "",
        "Final Url Suffix": node["FinalUrlSuffix"] or "",
    }


def _plain(node: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    return {column: node.get(name) or "" for name, column in names.items()}


def _links(links: Sequence[Mapping[str, Any]]) -> str:
    """Write texts with what belongs to them as JSON."""
    return msgspec.json.encode(
        [
            {
                "id": link["Asset"].get("Id"),
                "text": link["Asset"]["Text"],
                "pinnedField": link["PinnedField"],
                "editorialStatus": link["EditorialStatus"],
                "assetPerformanceLabel": link["AssetPerformanceLabel"],
            }
            for link in links
        ]
    ).decode()


def _amount(micros: int | None) -> str:
    return "" if micros is None else f"{micros / 1_000_000:.2f}"


def _day(day: date | None) -> str:
    return "" if day is None else day.strftime("%m/%d/%Y")


def _moment(moment: datetime) -> str:
    return moment.strftime("%m/%d/%Y %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
