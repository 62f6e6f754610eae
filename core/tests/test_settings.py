"""Settings: from the environment, with a clear word where a value is off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adjoin.ads.v2 import AppField, Auth, Description
from adjoin.errors import BadInput, StateError
from adjoin.settings import Settings, app_of, load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HOME", "DATABASE_URL", "DISABLE", "HISTORY_DAYS"):
        monkeypatch.delenv(f"ADJOIN_{name}", raising=False)
    return monkeypatch


def test_everything_lives_below_home(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One folder holds the database, the key and the lock."""
    environment.setenv("ADJOIN_HOME", str(tmp_path / "house"))
    settings = load_settings()
    assert settings.home == tmp_path / "house"
    assert settings.database == f"sqlite:///{tmp_path / 'house' / 'adjoin.db'}"
    assert {settings.key_file.parent, settings.lock_file.parent} == {settings.home}


def test_home_is_absolute_from_the_start(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that changes its folder does not lose its house. The default is `.adjoin` here."""
    environment.chdir(tmp_path)
    assert load_settings().home == tmp_path / ".adjoin"
    environment.setenv("ADJOIN_HOME", "elsewhere")
    assert load_settings().home == tmp_path / "elsewhere"
    assert load_settings(tmp_path / "given").home == tmp_path / "given"


def test_an_empty_variable_counts_as_not_set(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As Compose files and unit files leave them."""
    environment.chdir(tmp_path)
    for name in ("HOME", "DATABASE_URL", "DISABLE", "HISTORY_DAYS"):
        environment.setenv(f"ADJOIN_{name}", "")
    settings = load_settings()
    assert (settings.home, settings.history_days) == (tmp_path / ".adjoin", 730)


def test_postgres_where_it_is_set(environment: pytest.MonkeyPatch) -> None:
    """The given URL is used as it is."""
    environment.setenv("ADJOIN_DATABASE_URL", "postgresql://db/adjoin")
    assert load_settings().database == "postgresql://db/adjoin"


@pytest.mark.parametrize("value", ["many", "0", "-3"])
def test_a_value_that_is_off_names_its_variable(environment: pytest.MonkeyPatch, value: str) -> None:
    """One line, no traceback."""
    environment.setenv("ADJOIN_HISTORY_DAYS", value)
    with pytest.raises(BadInput, match=r"^ADJOIN_HISTORY_DAYS: Input should be "):
        load_settings()


def test_plugins_are_switched_off_and_on(tmp_path: Path) -> None:
    """It is remembered below home, which is made where it is missing; nothing else is left there."""
    settings = Settings(home=tmp_path / "house")
    settings.switch_plugin("meta", on=False)
    settings.switch_plugin("leaflet", on=False)
    settings.switch_plugin("meta", on=False)
    assert settings.disabled_plugins == {"leaflet", "meta"}
    settings.switch_plugin("meta", on=True)
    settings.switch_plugin("never heard of", on=True)
    assert Settings(home=settings.home).disabled_plugins == {"leaflet"}
    assert [path.name for path in settings.home.iterdir()] == ["plugins.json"]


def test_the_environment_adds_to_what_is_switched_off(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Names are separated by commas; blanks do not count."""
    environment.setenv("ADJOIN_DISABLE", " google, ,meta,")
    settings = load_settings(tmp_path)
    settings.switch_plugin("leaflet", on=False)
    assert settings.disabled_plugins == {"google", "leaflet", "meta"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b'{"disabled": "meta"}', b'{"disabled": [1]}', b'{"disabled": null}', b"\xff"],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes) -> None:
    """No plugin is loaded that the operator may have switched off, and the way out is named."""
    path = tmp_path / "plugins.json"
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"plugins\.json cannot be read \(.*\); delete it to switch all plugins on"):
        _ = Settings(home=tmp_path).disabled_plugins
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    """Reading and writing both say what is wrong, and no draft stays behind."""
    (tmp_path / "plugins.json").mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        _ = Settings(home=tmp_path).disabled_plugins
    (tmp_path / "plugins.json").rmdir()
    settings = Settings(home=tmp_path / "file")
    settings.home.write_text("in the way")
    with pytest.raises(StateError, match=r"plugins\.json cannot be "):
        settings.switch_plugin("meta", on=False)


def test_a_write_that_fails_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the file is whole, and no draft stays behind."""
    settings = Settings(home=tmp_path)
    settings.switch_plugin("meta", on=False)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("adjoin.settings.json.dump", full)
    with pytest.raises(StateError, match=r"plugins\.json cannot be written: No space left on device"):
        settings.switch_plugin("leaflet", on=False)
    assert json.loads((tmp_path / "plugins.json").read_text()) == {"disabled": ["meta"]}
    assert [path.name for path in tmp_path.iterdir()] == ["plugins.json"]


class TestApp:
    description = Description(
        title="Meta",
        base_url="https://meta.example",
        api_version="1",
        auth=Auth(
            app_fields=(AppField(name="config_id", label="Config"), AppField(name="proof", label="P", secret=True))
        ),
        streams=(),
    )

    def test_it_comes_from_the_environment(self) -> None:
        """Id, secret, the fields that the platform asks for, and the version to speak; nothing else."""
        environ = {
            "ADJOIN_META_CLIENT_ID": "id",
            "ADJOIN_META_CLIENT_SECRET": "secret",
            "ADJOIN_META_CONFIG_ID": "c",
            "ADJOIN_META_API_VERSION": "v99",
            "ADJOIN_META_OTHER": "x",
            "ADJOIN_GOOGLE_PROOF": "y",
            "ADJOIN_META_PROOF": "",
        }
        app = app_of("meta", self.description, environ)
        assert (app.client_id, app.client_secret) == ("id", "secret")
        assert app.extra == {"config_id": "c", "api_version": "v99"}

    def test_names_with_a_dash_take_an_underscore(self) -> None:
        """Variables cannot hold dashes."""
        assert app_of("my-ads", self.description, {"ADJOIN_MY_ADS_CLIENT_ID": "id"}).client_id == "id"

    def test_without_any_it_is_empty(self) -> None:
        """A platform with pasted tokens needs no registration."""
        app = app_of("meta", self.description, {})
        assert (app.client_id, app.client_secret, app.extra) == ("", "", {})

    def test_it_never_shows_its_values(self) -> None:
        """Neither secret nor extra is in what is logged."""
        app = app_of("meta", self.description, {"ADJOIN_META_CLIENT_SECRET": "hush", "ADJOIN_META_PROOF": "hush"})
        assert "hush" not in repr(app)


class TestExecutor:
    def test_the_scheduler_executes_runs_unless_told_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One process, nothing to set up."""
        monkeypatch.delenv("ADJOIN_EXECUTOR", raising=False)
        assert load_settings().executor == "embedded"

    def test_workers_need_a_database_that_machines_share(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """SQLite is refused with both ways out."""
        monkeypatch.setenv("ADJOIN_EXECUTOR", "workers")
        monkeypatch.delenv("ADJOIN_DATABASE_URL", raising=False)
        with pytest.raises(BadInput, match=r"Set ADJOIN_DATABASE_URL=postgresql://.*or leave ADJOIN_EXECUTOR out"):
            load_settings()
        monkeypatch.setenv("ADJOIN_DATABASE_URL", "postgresql://127.0.0.1/adjoin")
        assert load_settings().executor == "workers"

    def test_another_word_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the words there are."""
        monkeypatch.setenv("ADJOIN_EXECUTOR", "threads")
        with pytest.raises(BadInput, match="ADJOIN_EXECUTOR: Input should be 'embedded' or 'workers'"):
            load_settings()
