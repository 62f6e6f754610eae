"""Pages write numbers, days and times as the visitor's profile says."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.db.people import User
from adjoin_dashboard.host import Host
from adjoin_dashboard.server import SITE


def open_page(host: Host, **profile: str) -> AppTest:
    """The Overview as somebody with this profile sees it."""
    with host.store.write() as session:
        user = session.exec(select(User)).one()
        for name, value in profile.items():
            setattr(user, name, value)
    page = AppTest.from_file(str(SITE / "app.py"), default_timeout=30).run()
    assert not page.exception
    return page


def cells(page: AppTest, table: int = 0) -> dict[str, list[str]]:
    """What is written in the cells of a table, by column."""
    written: Any = page.dataframe[table].proto.arrow_data.styler.display_values
    found: dict[str, list[str]] = pa.ipc.open_stream(written).read_all().to_pydict()
    return found


def texts(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in page.caption)


@pytest.mark.parametrize(
    ("profile", "cpa", "ctr", "cell", "stamp", "days", "typed"),
    [
        ({}, "€10.00", "2.00%", "€600", "21 Nov 2026, 05:14 (Europe/Berlin)", "22 Sept – 21 Oct 2026", "YYYY-MM-DD"),
        (
            {"locale": "de", "time_zone": "Asia/Tokyo"},
            "€10,00", "2,00%", "€600", "21. Nov. 2026, 13:14 (Asia/Tokyo)", "22. Sept. – 21. Okt. 2026", "DD.MM.YYYY",
        ),
        (
            {"number_format": "1 234,5", "date_format": "mm/dd/yyyy"},
            "€10,00", "2,00%", "€600", "11/21/2026, 05:14 (Europe/Berlin)", "09/22/2026 – 10/21/2026", "MM/DD/YYYY",
        ),
    ],
)  # fmt: skip
def test_the_overview_is_written_for_its_reader(
    host: Host, profile: dict[str, str], cpa: str, ctr: str, cell: str, stamp: str, days: str, typed: str
) -> None:
    """Cards, cells, the stamp and the field for dates, each in the same way."""
    page = open_page(host, **profile)
    cards = {metric.label: metric.value for metric in page.metric}
    assert (cards["CPA"], cards["CTR"]) == (cpa, ctr)
    assert f"Data as of {stamp}" in texts(page)
    assert f"compared with {days}" in texts(page)
    table = cells(page)
    assert table["Spend"] == [cell]
    assert table["CTR"] == [ctr]
    assert table["Trend"] == [""], "a drawing needs no text"
    assert page.dataframe[0].value["Spend"].tolist() == [600.0], "what is sorted by stays a number"
    page.selectbox(key="period").set_value("Custom").run()
    assert page.date_input(key="range").proto.format == typed
