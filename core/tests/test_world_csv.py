from __future__ import annotations

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pytest

from adjoin.errors import BadInput
from adjoin.testing.world import World

HEADING = "date,campaign_id,ad_group_id,ad_id,age,impressions,clicks,cost,leads,purchases"
LINES = (
    "2023-08-01,9,10,71,30-34,1241,0,0.00,1,1",
    "2023-08-01,9,11,72,45-49,47224,12,15.82,0,2.5",
    "2023-08-02,9,11,72,45-49,10,0,0,0,0",
    "2023-08-02,9,11,73,45-49,0,0,0,,0",
)


@pytest.fixture
def write(tmp_path):
    def write(*lines: str, heading: str = HEADING, encoding: str = "utf-8") -> Path:
        path = tmp_path / "results.csv"
        path.write_bytes("\n".join([heading, *lines]).encode(encoding))
        return path

    return write


def load(path: Path, *, today: date = date(2023, 9, 15)) -> World:
    return World.from_csv(path, today=today)


class TestFigures:
    def test_every_row_with_something_arrives(self, write):
        rows = load(write(*LINES)).on("meta").truth("ad_daily").to_pylist()

        assert [(row["ad_id"], row["impressions"], row["clicks"], row["cost_micros"]) for row in rows] == [
            ("71", 1241, 0, 0),
            ("72", 47224, 12, 15_820_000),
            ("72", 10, 0, 0),
        ]
        assert [row["conversions"] for row in rows] == [2, Decimal("2.5"), 0]

    def test_columns_after_cost_are_actions(self, write):
        rows = load(write(*LINES)).on("meta").truth("conversion_daily").to_pylist()

        assert [(row["ad_id"], row["action"], row["conversions"]) for row in rows] == [
            ("71", "leads", 1),
            ("71", "purchases", 1),
            ("72", "purchases", Decimal("2.5")),
        ]

    def test_columns_before_cost_are_labels_and_names(self, write):
        heading = HEADING.replace("age", "ad_name")
        presence = load(write("2023-08-01,9,10,71,Sommer,1,0,0,0,0", heading=heading)).on("meta")

        assert (presence.ads()[0].name, presence.ads()[0].labels) == ("Sommer", {"ad_name": "Sommer"})
        assert presence.campaigns()[0].name == "Campaign 9"

    def test_rows_of_one_ad_and_day_add_up(self, write):
        (row,) = load(write(LINES[1], LINES[1])).on("meta").truth("ad_daily").to_pylist()

        assert (row["impressions"], row["cost_micros"], row["conversions"]) == (94448, 31_640_000, 5)

    def test_figures_are_final_at_once_and_later_days_do_not_exist(self, write):
        presence = load(write(*LINES), today=date(2023, 8, 1)).on("meta")

        assert presence.totals("account_daily").cost_micros == 15_820_000
        assert presence.totals("account_daily").last_date == date(2023, 8, 1)

    def test_every_platform_shows_the_same_figures(self, write):
        world = load(write(*LINES))

        expected = world.on("meta").truth("ad_daily").drop_columns("video_views")

        for platform in ("google", "linkedin", "microsoft"):
            table = world.on(platform).truth("ad_daily")
            assert table.drop_columns("video_views").equals(expected), platform
            assert set(table["video_views"].to_pylist()) == {0}

    def test_the_account_fits_every_platform(self, write):
        world = load(write(*LINES))

        assert {world.on(each).accounts[0].id for each in ("meta", "google", "linkedin")} == {"1000000001"}
        assert [world.on(each).accounts[0].time_zone for each in ("google", "linkedin")] == ["America/New_York", "UTC"]
        assert world.on("google").campaigns()[0].channel == "display"

    def test_there_is_nothing_to_search_for(self, write):
        google = load(write(*LINES)).on("google")

        assert google.keywords() == ()
        assert google.truth("keyword_daily").num_rows == google.truth("search_term_daily").num_rows == 0

    def test_order_of_lines_blank_lines_and_a_mark_at_the_start_change_nothing(self, write):
        expected = load(write(*LINES)).on("meta").truth("ad_daily")
        path = write("", *reversed(LINES), "", encoding="utf-8-sig")

        assert load(path).on("meta").truth("ad_daily").equals(expected)

    def test_a_file_without_actions_is_good(self, write):
        heading = "date,campaign_id,ad_group_id,ad_id,impressions,clicks,cost"
        presence = load(write("2023-08-01,9,10,71,5,1,0.50", heading=heading)).on("meta")

        assert presence.totals("account_daily").conversions == 0
        assert presence.truth("conversion_daily").num_rows == 0

    def test_yen_have_no_decimals(self, write):
        world = World.from_csv(
            write("2023-08-01,9,10,71,x,5,1,50,0,0"),
            today=date(2023, 9, 1),
            currency="JPY",
            time_zone="Asia/Tokyo",
        )

        assert world.on("meta").totals("ad_daily").cost_micros == 50_000_000


class TestBadFiles:
    @pytest.mark.parametrize(
        ("line", "column", "why"),
        [
            ("01.08.2023,9,10,71,x,1,0,0,0,0", "date", "not a date"),
            ("1969-08-01,9,10,71,x,1,0,0,0,0", "date", "before 1970"),
            ("2023-08-01,,10,71,x,1,0,0,0,0", "campaign_id", "empty"),
            ("2023-08-01,9,10,71,x,1.5,0,0,0,0", "impressions", "not a whole number"),
            ("2023-08-01,9,10,71,x,,0,0,0,0", "impressions", "empty"),
            ("2023-08-01,9,10,71,x,1,-1,0,0,0", "clicks", "not a whole number"),
            ("2023-08-01,9,10,71,x,1,9999999999999,0,0,0", "clicks", "too large"),
            ('2023-08-01,9,10,71,x,1,0,"1,50",0,0', "cost", "write it as 1234.56"),
            ("2023-08-01,9,10,71,x,1,0,1.505,0,0", "cost", "finer than the smallest unit of USD"),
            ("2023-08-01,9,10,71,x,1,0,NaN,0,0", "cost", "not a number"),
            ("2023-08-01,9,10,71,x,1,0,1e99,0,0", "cost", "too large"),
            ("2023-08-01,9,10,71,x,1,0,1,many,0", "leads", "not a number"),
            ("2023-08-01,9,10,71,x,1,0,1,0,0.0000000001", "purchases", "9 decimals"),
            ("2023-08-01,9,10,71,x,1,0", "cost", "7 columns where the heading has 10"),
            ("2023-08-01,9,10,71,x,1,0,0,0,0,0", "purchases", "11 columns"),
            ("2023-08-01,8,10,71,x,1,0,0,0,0", "ad_group_id", "under '8' here but under '9'"),
            ("2023-08-01,9,12,71,x,1,0,0,0,0", "ad_id", "under '12' here but under '10'"),
        ],
    )
    def test_line_and_column_are_named(self, write, line, column, why):
        path = write(LINES[0], line)

        with pytest.raises(BadInput, match=r"results\.csv, line 3, column") as caught:
            load(path)
        assert f"column {column!r}" in str(caught.value)
        assert why in str(caught.value)

    @pytest.mark.parametrize(
        ("heading", "message"),
        [
            ("date,campaign_id,ad_id,impressions,clicks", "column 'ad_group_id', 'cost' is missing"),
            (f"{HEADING},leads", "column 'leads': the heading comes twice"),
            (f"{HEADING},", "column 11: the heading is empty"),
        ],
    )
    def test_headings_are_checked(self, write, heading, message):
        with pytest.raises(BadInput, match=r"line 1") as caught:
            load(write(heading=heading))
        assert message in str(caught.value)

    def test_bytes_that_are_not_text_are_placed(self, write):
        with pytest.raises(BadInput, match="line 2, column 5: the bytes are not UTF-8"):
            load(write("2023-08-01,9,10,71,é,1,0,0,0,0", encoding="latin-1"))

    def test_an_open_quote_is_placed(self, write):
        with pytest.raises(BadInput, match="line 2: this is not CSV"):
            load(write('2023-08-01,9,10,71,"x,1,0,0,0,0'))

    def test_files_without_results_are_refused(self, write, tmp_path):
        (tmp_path / "empty.csv").touch()

        with pytest.raises(BadInput, match="is empty; it needs a heading"):
            load(tmp_path / "empty.csv")
        with pytest.raises(BadInput, match="no results"):
            load(write())

    def test_files_that_cannot_be_opened_are_refused(self, tmp_path):
        with pytest.raises(BadInput, match=r"none\.csv cannot be read: No such file"):
            load(tmp_path / "none.csv")
        with pytest.raises(BadInput, match="cannot be read: Is a directory"):
            load(tmp_path)

    def test_currency_and_zone_are_checked(self, write):
        with pytest.raises(BadInput, match="'dollars' is not a currency code"):
            World.from_csv(write(*LINES), today=date(2023, 9, 1), currency="dollars")
        with pytest.raises(BadInput, match="'Berlin' is not a time zone"):
            World.from_csv(write(*LINES), today=date(2023, 9, 1), time_zone="Berlin")


@pytest.mark.realdata
class TestRealFigures:
    """An advertiser's real results, kept beside the checkout and not in it."""

    @pytest.fixture
    def presence(self):
        beside = Path(__file__).parents[3] / "shared/data/meta_ads_real.csv"
        path = Path(os.environ.get("ADJOIN_REALDATA", beside))
        if not path.is_file():
            pytest.skip(f"the real results are not at {path}; name them with ADJOIN_REALDATA")
        return load(path).on("meta")

    @pytest.mark.parametrize("dataset", ["account_daily", "campaign_daily", "ad_group_daily", "ad_daily"])
    def test_totals_hold_at_every_grain(self, presence, dataset):
        totals = presence.totals(dataset)

        assert (totals.impressions, totals.clicks, totals.cost_micros) == (213_434_828, 38_165, 58_705_230_000)
        assert totals.conversions == 3_264 + 1_079
        assert (totals.first_date, totals.last_date) == (date(2023, 8, 1), date(2023, 8, 31))

    def test_all_rows_arrive_those_without_cost_too(self, presence):
        table = presence.truth("ad_daily")

        assert table.num_rows == 1143
        assert pc.sum(pc.equal(table["cost_micros"], 0)).as_py() == 207
        assert len(presence.ad_groups()) == 691

    def test_actions_hold(self, presence):
        table = presence.truth("conversion_daily")
        by_action = {
            action: pc.sum(table.filter(pc.field("action") == action)["conversions"]).as_py()
            for action in ("leads", "purchases")
        }

        assert by_action == {"leads": 3264, "purchases": 1079}
