"""The Plugins page, run without a browser: what each role sees, and no value of a setting for anybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from adjoin.access.installation import switch_plugin
from adjoin.contract import hookimpl
from adjoin.db.people import AuditEntry, User
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName
from adjoin.kernel import Report
from adjoin.surface import v1
from adjoin_dashboard.host import Host

from .conftest import NOW, People


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.plugins.view import render
    from adjoin_dashboard.session_guard import current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor))


class Extras:
    """A plugin with one of each, and a setting that no place keeps."""

    @hookimpl
    def jobs(self) -> list[v1.Job]:
        return [v1.Job(name="tidy", run=lambda context: None, every=timedelta(hours=6))]

    @hookimpl
    def routes(self) -> list[v1.Route]:
        return [v1.Route(path="/towns", endpoint=lambda request: None, public=True)]

    @hookimpl
    def commands(self) -> list[v1.Command]:
        return [v1.Command(name="leaflet", help="Show.", load=lambda: None)]

    @hookimpl
    def settings(self) -> list[v1.SettingField]:
        return [v1.SettingField(name="foreman", label="Who *keeps* it", default="canary-default")]


class Sick:
    """A plugin that cannot say what it adds."""

    @hookimpl
    def jobs(self) -> list[v1.Job]:
        raise RuntimeError("boom")


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.warning, *page.error, *page.markdown, *page.code]
    return "\n".join(str(one.value) for one in shown).replace("\\", "")


def settings(page: AppTest) -> dict[str, str]:
    found = {}
    for table in page.dataframe:
        if "Setting" in table.value:
            found |= dict(zip(table.value["Setting"], table.value["State"], strict=True))
    return found


def add(host: Host, name: str, plugin: object) -> None:
    """Load a plugin as if a package had brought it."""
    host.kernel.add(name, "surface", 1, plugin)
    host.kernel.reports.append(
        Report(name=name, package=f"a-{name}", version="1.0", contract="surface", contract_version=1, state="ok")
    )


@pytest.fixture
def extras(host: Host) -> None:
    add(host, "extras", Extras())
    add(host, "sick", Sick())


def test_all_of_them_are_listed(host: Host, extras: None) -> None:
    """With contracts and packages, those that cannot say what they add first."""
    table = open_page().dataframe[0].value.set_index("Plugin")
    assert list(table.index).index("sick") < list(table.index).index("extras")
    assert table.loc["sick", "State"] == "◐ Partly"
    assert table.loc["meta", ["State", "Adds", "Contracts"]].tolist() == ["✓ Loaded", "Meta Ads", "ads v2"]
    assert table.loc["extras", "Adds"] == "1 job, 1 route, 1 command"


def test_managers_see_each_in_full(people: Any, extras: None) -> None:
    """What it adds, and the command that switches it off; the reason of a failure is said, and stops nobody."""
    with people.visit("bob"):
        page = open_page()
    said = texts(page)
    assert "tidy (every 6 hours)" in said
    assert "GET /x/extras/towns (public)" in said
    assert "adjoin leaflet" in said
    assert "adjoin plugins disable extras" in said
    assert "belong to the whole installation" in said
    (error,) = [one.value for one in page.error if "sick" in one.value]
    assert "Jobs could not be listed" in error
    assert "boom" in error


def test_others_see_the_table_alone(people: Any, extras: None) -> None:
    """Addresses, commands and names of settings are for who manages."""
    with people.visit("cy"):
        page = open_page()
    assert len(page.dataframe) == 1
    assert not page.expander
    assert "adjoin plugins disable" not in texts(page)


def test_settings_say_whether_they_are_set_and_never_to_what(people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENT_ID", "CLIENT_SECRET", "LOGIN_CUSTOMER_ID", "DEVELOPER_TOKEN"):
        monkeypatch.delenv(f"ADJOIN_GOOGLE_{name}", raising=False)
    monkeypatch.setenv("ADJOIN_GOOGLE_CLIENT_ID", "canary-id")
    monkeypatch.setenv("ADJOIN_GOOGLE_DEVELOPER_TOKEN", "canary-token")
    add(people.host, "extras", Extras())
    with people.visit("ada"):
        page = open_page()
    found = settings(page)
    assert found["ADJOIN_GOOGLE_CLIENT_ID"] == "set"
    assert found["ADJOIN_GOOGLE_CLIENT_SECRET"] == "not set"
    assert found["ADJOIN_GOOGLE_DEVELOPER_TOKEN"] == "set"
    assert found["foreman"] == "not set; Adjoin keeps no value for it yet"
    everything = texts(page) + "".join(table.value.to_csv() for table in page.dataframe)
    assert "canary" not in everything


class TestSwitching:
    @pytest.fixture
    def operated(self, people: People, monkeypatch: pytest.MonkeyPatch) -> People:
        """An installation that bob runs, an admin of a workspace; ada owns it and does not."""
        settings = people.host.runtime.settings.model_copy(update={"operators": "Bob@example.com, nobody@example.com"})
        monkeypatch.setattr(people.host.runtime, "settings", settings)
        return people

    def switch(self, page: AppTest, key: str) -> AppTest:
        page.button(key=key).click().run()
        assert not page.exception
        return page

    def test_an_operator_is_told_what_stops_and_switches_it_off(self, operated: People) -> None:
        host = operated.host
        with operated.visit("bob"):
            page = self.switch(open_page(), "switch-meta")
            assert "1 connection in 1 workspace will not be synced any more" in texts(page)
            assert "meta" not in host.runtime.settings.disabled_plugins
            page = self.switch(page, "switch-sure")
            assert host.runtime.settings.disabled_plugins == {"meta"}
            assert "Switched off from the next start on" in texts(page)
            page = self.switch(page, "switch-meta")
        assert host.runtime.settings.disabled_plugins == frozenset()
        with host.store.read() as session:
            noted = [
                (one.action, one.object_id, one.actor)
                for one in session.exec(select(AuditEntry).order_by(col(AuditEntry.id)))
                if one.object_kind == "plugin"
            ]
        bob = f"user:{operated.ids['bob']}"
        assert set(noted) == {("plugin.disabled", "meta", bob), ("plugin.enabled", "meta", bob)}

    def test_no_role_of_a_workspace_does(self, operated: People) -> None:
        """Not even an owner, neither by the page nor by the function behind it."""
        with operated.visit("ada"):
            assert not [one for one in open_page().button if str(one.key).startswith("switch-")]
        host, ada = operated.host, operated.context("ada")
        with pytest.raises(Forbidden, match="ADJOIN_OPERATORS"):
            switch_plugin(host.store, host.runtime.settings, host.kernel, "meta", on=False, by=ada.actor, now=NOW)
        assert host.runtime.settings.disabled_plugins == frozenset()

    def test_an_address_that_is_not_proven_is_nobodys(self, operated: People) -> None:
        with operated.host.store.write() as session:
            session.get_one(User, operated.ids["bob"]).email_verified_at = None
        with operated.visit("bob"):
            assert not [one for one in open_page().button if str(one.key).startswith("switch-")]

    def test_what_the_dashboard_needs_stays(self, operated: People) -> None:
        host, bob = operated.host, operated.context("bob")
        for name, error in (("dashboard", BadInput), ("local", BadInput), ("nothing", UnknownName)):
            with pytest.raises(error):
                switch_plugin(host.store, host.runtime.settings, host.kernel, name, on=False, by=bob.actor, now=NOW)
        named = host.runtime.settings.model_copy(update={"disable": "meta"})
        with pytest.raises(StateError, match="ADJOIN_DISABLE"):
            switch_plugin(host.store, named, host.kernel, "meta", on=True, by=bob.actor, now=NOW)
