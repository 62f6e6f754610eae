"""Loading plugins: which version is taken, who is refused and why, and that nobody takes another one down."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from adjoin.ads import v1, v2
from adjoin.errors import ContractError, UnknownName
from adjoin.kernel import ContractDeprecation, Kernel, Report
from adjoin.surface import v1 as surface
from adjoin.testing.packages import Packages, on_path

V1 = """
    from adjoin.ads import v1
    from adjoin.contract import hookimpl

    class Tiny:
        @hookimpl
        def accounts(self):
            return [v1.Account(id="1", name="from v1", currency="EUR", time_zone="Europe/Vienna")]

        @hookimpl
        def campaigns(self):
            return []

        @hookimpl
        def performance(self):
            return []

    plugin = Tiny()
"""

V2 = """
    from adjoin.ads import v2
    from adjoin.contract import hookimpl

    class Modern(v2.Ads):
        @hookimpl
        def describe(self):
            return v2.Description(title="Modern", base_url="", api_version="", auth=v2.Auth(), streams=())

        @hookimpl
        async def accounts(self):
            return [v2.Account(id="2", name="from v2", currency="EUR", time_zone="Europe/Vienna")]

        @hookimpl
        async def read(self, request):
            yield v2.EntityBatch(entities=())

    plugin = Modern()
"""

GROUPS = {1: "adjoin.ads.v1", 2: "adjoin.ads.v2", 3: "adjoin.ads.v3"}


class Client:
    """As much of a client as these plugins ask for."""

    async def access_token(self) -> str:
        return "token"


def install(packages: Packages, name: str, source: str, *versions: int) -> None:
    packages.add(
        f"adjoin-{name}",
        modules={f"{name}_plugin": source},
        entry_points={GROUPS[number]: {name: f"{name}_plugin:plugin"} for number in versions},
    )


def only(kernel: Kernel) -> Report:
    (report,) = kernel.reports
    return report


def account_names(kernel: Kernel) -> dict[str, list[str]]:
    results = kernel.hook(v2.Ads.accounts).all(client=Client())  # type: ignore[arg-type]
    assert not results.errors
    return {answer.plugin: [account.name for account in answer.value] for answer in results}


# --- negotiation ----------------------------------------------------------------------------------------------------


def test_v1_and_async_v2_plugins_both_serve_a_caller_that_knows_only_v2(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "tiny", V1, 1)
    install(adjoin_packages, "modern", V2, 2)

    with pytest.warns(ContractDeprecation):
        kernel = adjoin_packages.load()

    assert account_names(kernel) == {"modern": ["from v2"], "tiny": ["from v1"]}
    assert {report.name: report.contract_version for report in kernel.reports} == {"modern": 2, "tiny": 1}
    assert {report.state for report in kernel.reports} == {"ok"}


def test_a_v3_only_plugin_is_refused_without_being_imported_and_the_message_names_both_sides(
    adjoin_packages: Packages,
) -> None:
    install(adjoin_packages, "future", "raise AssertionError('imported')", 3)

    kernel = adjoin_packages.load()

    assert only(kernel).state == "refused"
    assert only(kernel).error == (
        "plugin 'future': adjoin-future 1.0 offers contract 'ads' v3, this adjoin speaks v1 to v2; upgrade adjoin"
    )
    assert not adjoin_packages.imported("future_plugin")


def test_a_plugin_that_speaks_several_versions_is_served_at_the_newest_common_one(adjoin_packages: Packages) -> None:
    """No warning either: it does not depend on the old version."""
    adjoin_packages.add(
        "adjoin-polyglot",
        modules={
            "polyglot_v1": "raise AssertionError('v1 was imported')",
            "polyglot_v2": V2,
            "polyglot_v3": "raise AssertionError('v3 was imported')",
        },
        entry_points={group: {"polyglot": f"polyglot_v{number}:plugin"} for number, group in GROUPS.items()},
    )

    kernel = adjoin_packages.load()

    assert account_names(kernel) == {"polyglot": ["from v2"]}
    assert only(kernel).contract_version == 2


def test_one_package_may_serve_two_contracts_under_one_name(adjoin_packages: Packages) -> None:
    pages = """

    from adjoin.surface import v1 as surface

    class Pages:
        @hookimpl
        def pages(self):
            return [surface.Page(slug="hello", title="Hello", render=print)]

    pages = Pages()
    """
    adjoin_packages.add(
        "adjoin-both",
        modules={"both_plugin": V2 + pages},
        entry_points={
            "adjoin.ads.v2": {"both": "both_plugin:plugin"},
            "adjoin.surface.v1": {"both": "both_plugin:pages"},
        },
    )

    kernel = adjoin_packages.load(strict=True)

    assert kernel.plugins("ads") == kernel.plugins("surface") == ["both"]
    assert kernel.lane("ads", "both") is kernel.lane("surface", "both"), "the same code, the same slots"
    assert account_names(kernel) == {"both": ["from v2"]}
    assert [page.slug for page in kernel.hook(surface.Surface.pages).one("both")] == ["hello"]


# --- deprecation ----------------------------------------------------------------------------------------------------


def test_the_deprecation_names_plugin_package_release_and_replacement(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "tiny", V1, 1)

    with pytest.warns(ContractDeprecation) as caught:
        kernel = adjoin_packages.load()

    (warning,) = caught
    text = str(warning.message)
    for part in ("'tiny'", "adjoin-tiny 1.0", "v1", "adjoin 0.4", "2027-11-30", "adjoin.ads.v2", "docs/contracts.md"):
        assert part in text
    assert only(kernel).notes == (text,)
    assert issubclass(ContractDeprecation, FutureWarning), "the other kinds are hidden from operators"
    assert Path(warning.filename).name == "packages.py", "it points to who loads the plugins"


# --- what goes wrong at import --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import sys; sys.exit(3)", "the import tried to end the process (sys.exit(3))"),
        ("def broken(:\n", "SyntaxError: "),
        ("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'"),
        ("from adjoin.contract import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("other = 1", "AttributeError: "),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError: "),
        ("raise StopIteration", "StopIteration: "),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("from adjoin.errors import UnknownName; raise UnknownName('odd')", "odd"),
    ],
    ids=lambda value: value.split(";")[-1].split(":")[0].strip(),
)
def test_a_plugin_that_fails_at_import_becomes_a_report_and_the_others_work(
    adjoin_packages: Packages, source: str, reason: str
) -> None:
    install(adjoin_packages, "broken", source, 2)
    install(adjoin_packages, "modern", V2, 2)

    kernel = adjoin_packages.load()

    broken, modern = kernel.reports
    assert (broken.name, broken.state) == ("broken", "failed")
    assert (broken.error or "").startswith(f"plugin 'broken': adjoin-broken 1.0 cannot be imported: {reason}")
    assert modern.state == "ok"
    assert account_names(kernel) == {"modern": ["from v2"]}


def test_a_plugin_that_hangs_at_import_costs_the_deadline(adjoin_packages: Packages) -> None:
    adjoin_packages.add_gate()
    install(adjoin_packages, "hung", "import gate; gate.wait()", 2)
    install(adjoin_packages, "modern", V2, 2)

    kernel = adjoin_packages.load(import_timeout=0.3)

    hung, modern = kernel.reports
    assert hung.error == "plugin 'hung': adjoin-hung 1.0 cannot be imported: the import did not end within 0.3 s"
    assert (hung.state, modern.state) == ("failed", "ok")


def test_an_attribute_that_raises_when_looked_at_is_the_plugins_failure(adjoin_packages: Packages) -> None:
    install(
        adjoin_packages,
        "moody",
        """
        class Moody:
            @property
            def token(self):
                raise RuntimeError("not logged in")

        plugin = Moody()
        """,
        2,
    )

    report = only(adjoin_packages.load())

    assert report.state == "failed"
    assert "RuntimeError: not logged in" in (report.error or "")


# --- who is not loaded ----------------------------------------------------------------------------------------------


def test_two_packages_under_one_name_are_both_refused_and_both_named(adjoin_packages: Packages) -> None:
    for package in ("first", "second"):
        adjoin_packages.add(
            package,
            version="1.2",
            modules={f"{package}_plugin": V2},
            entry_points={"adjoin.ads.v2": {"same": f"{package}_plugin:plugin"}},
        )

    kernel = adjoin_packages.load()

    assert kernel.plugins("ads") == []
    assert [report.state for report in kernel.reports] == ["refused", "refused"]
    for report in kernel.reports:
        assert report.error == (
            "plugin 'same': is offered by several packages: first 1.2, second 1.2; uninstall all but one of them"
        )
    assert not adjoin_packages.imported("first_plugin")


def test_the_same_package_twice_on_the_path_is_no_quarrel_the_first_wins(
    adjoin_packages: Packages, tmp_path: Path
) -> None:
    install(adjoin_packages, "modern", V2, 2)
    with on_path(tmp_path / "first") as earlier:
        earlier.add(
            "adjoin-modern",
            version="9.0",
            modules={"modern_plugin": V2.replace("from v2", "the first")},
            entry_points={"adjoin.ads.v2": {"modern": "modern_plugin:plugin"}},
        )

        kernel = Kernel.load(path=[str(earlier.folder), str(adjoin_packages.folder)])

        assert account_names(kernel) == {"modern": ["the first"]}
        assert only(kernel).version == "9.0"
        kernel.close()


def test_a_disabled_plugin_is_never_imported(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "modern", V2, 2)

    kernel = adjoin_packages.load(disabled=["modern"])

    assert (only(kernel).state, only(kernel).error) == ("disabled", None)
    assert not adjoin_packages.imported("modern_plugin")
    with pytest.raises(UnknownName, match="no ads plugin 'modern'; loaded are: none"):
        kernel.hook(v2.Ads.describe).one("modern")


def test_a_disabled_plugin_is_disabled_even_where_it_would_be_refused(adjoin_packages: Packages) -> None:
    """So that `adjoin plugins disable` quiets a plugin that is of no use anyway."""
    install(adjoin_packages, "future", V2, 3)

    assert only(adjoin_packages.load(disabled=["future"])).state == "disabled"


def test_a_plugin_without_a_metadata_file_still_works_and_is_reported(adjoin_packages: Packages) -> None:
    adjoin_packages.add(
        "adjoin-modern",
        metadata="",
        modules={"modern_plugin": V2},
        entry_points={"adjoin.ads.v2": {"modern": "modern_plugin:plugin"}},
    )

    report = only(adjoin_packages.load())

    assert (report.name, report.package, report.version, report.state) == ("modern", "adjoin_modern", "unknown", "ok")


def test_garbled_entry_points_become_a_report(adjoin_packages: Packages) -> None:
    broken = adjoin_packages.add("adjoin-broken", metadata="")
    (broken / "entry_points.txt").write_text("[adjoin.ads.v2]\nnonsense\n")
    install(adjoin_packages, "modern", V2, 2)

    kernel = adjoin_packages.load()

    failed, fine = kernel.reports
    assert (failed.name, failed.state) == ("adjoin_broken", "failed")
    assert "entry_points.txt cannot be read" in (failed.error or "")
    assert "reinstall it" in (failed.error or "")
    assert fine.state == "ok"


def test_strict_loading_raises_for_the_first_plugin_that_cannot_be_used(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "broken", "raise ValueError('no luck')", 2)

    with pytest.raises(ContractError, match=r"plugin 'broken': adjoin-broken 1\.0 cannot be imported: ValueError"):
        adjoin_packages.load(strict=True)


# --- finding hooks --------------------------------------------------------------------------------------------------


def test_callers_use_the_newest_version_only(adjoin_packages: Packages) -> None:
    kernel = adjoin_packages.load()

    with pytest.raises(ContractError, match=r"adjoin\.ads\.v1\.Ads\.accounts is not a hook of a newest version"):
        kernel.hook(v1.Ads.accounts)


def test_streams_and_values_are_not_mixed_up(adjoin_packages: Packages) -> None:
    kernel = adjoin_packages.load()

    with pytest.raises(ContractError, match="yields items; call it with `kernel"):
        kernel.hook(v2.Ads.read)
    with pytest.raises(ContractError, match="returns one value; call it with `kernel"):
        kernel.stream(v2.Ads.accounts)  # type: ignore[arg-type]


def test_a_hook_tells_who_implements_it(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "modern", V2, 2)
    kernel = adjoin_packages.load()

    assert kernel.hook(v2.Ads.describe).implementers == ["modern"]
    assert kernel.hook(v2.Ads.renew).implementers == []
    assert not kernel.hook(v2.Ads.renew).implemented_by("modern")


def test_a_plugin_object_can_be_added_by_hand_but_not_twice() -> None:
    kernel = Kernel.load(path=[])

    class Pages(surface.Surface):
        pass

    kernel.add("mine", "surface", 1, Pages())
    with pytest.raises(ContractError, match="surface plugin 'mine' is registered already"):
        kernel.add("mine", "surface", 1, Pages())
    kernel.close()


# --- closing --------------------------------------------------------------------------------------------------------


def test_after_closing_calls_are_refused_and_no_loop_is_left(adjoin_packages: Packages) -> None:
    """Unclosed loops would be reported as ResourceWarning, which is an error here."""
    install(adjoin_packages, "modern", V2, 2)
    kernel = adjoin_packages.load()
    account_names(kernel)

    kernel.close()

    results = kernel.hook(v2.Ads.accounts).all(client=Client())  # type: ignore[arg-type]
    assert "shut down" in str(results.errors["modern"])
    assert not [name for name in thread_names() if name.startswith("adjoin-modern")]


def test_closing_ends_a_stream_that_is_still_being_read(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "endless", V2.replace("yield v2", "while True: yield v2"), 2)
    kernel = adjoin_packages.load(strict=True)
    request = v2.ReadRequest(
        stream="campaigns", account=v2.Account(id="1", name="", currency="EUR", time_zone="Europe/Vienna")
    )

    async def read() -> None:
        items = kernel.stream(v2.Ads.read).stream(
            "endless",
            request=request,
            client=Client(),  # type: ignore[arg-type]
        )
        async for _ in items:
            await asyncio.to_thread(kernel.close)
            break
        await items.aclose()

    asyncio.run(read())

    assert not [name for name in thread_names() if name.startswith("adjoin-endless")]


def thread_names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_discovery_works_on_the_real_environment() -> None:
    """What is installed here loads without a complaint."""
    disabled = os.environ.get("ADJOIN_DISABLE", "").split(",")
    kernel = Kernel.load(strict=True, disabled=disabled)

    assert {report.state for report in kernel.reports} <= {"ok", "disabled"}
    kernel.close()
