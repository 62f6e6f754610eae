"""Finding plugins in the metadata of installed packages, without importing any."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjoin.discovery import Offer, find_offers
from adjoin.testing.packages import Packages


def find(packages: Packages, *contracts: str) -> list[Offer]:
    return find_offers(contracts or ("ads", "surface"), [str(packages.folder)])


def test_the_group_says_contract_and_version(adjoin_packages: Packages) -> None:
    adjoin_packages.add("adjoin-tiny", version="2.5", entry_points={"adjoin.ads.v2": {"tiny": "tiny:plugin"}})

    (offer,) = find(adjoin_packages)

    assert (offer.plugin, offer.contract, offer.package, offer.package_version) == ("tiny", "ads", "adjoin-tiny", "2.5")
    assert list(offer.entry_points) == [2]


def test_several_versions_of_one_package_are_one_offer(adjoin_packages: Packages) -> None:
    adjoin_packages.add(
        "adjoin-tiny",
        entry_points={f"adjoin.ads.v{number}": {"tiny": f"tiny:v{number}"} for number in (1, 2, 12)},
    )

    (offer,) = find(adjoin_packages)

    assert offer.versions == "v1 and v2 and v12"
    assert offer.entry_points[12].value == "tiny:v12"


@pytest.mark.parametrize(
    "group",
    ["adjoin.ads.v3alpha1", "adjoin.ads", "adjoin.ads.v", "adjoin.ads.v0", "xadjoin.ads.v2", "adjoin.weather.v1"],
)
def test_other_groups_are_none_of_ours(adjoin_packages: Packages, group: str) -> None:
    adjoin_packages.add("adjoin-tiny", entry_points={group: {"tiny": "tiny:plugin"}})

    assert find(adjoin_packages) == []


def test_offers_come_sorted_and_packages_are_kept_apart(adjoin_packages: Packages) -> None:
    for package in ("beta", "alpha"):
        adjoin_packages.add(
            package, entry_points={"adjoin.surface.v1": {"same": "m:p"}, "adjoin.ads.v2": {package: "m:p"}}
        )

    found = [(offer.contract, offer.plugin, offer.package) for offer in find(adjoin_packages)]

    assert found == [
        ("ads", "alpha", "alpha"),
        ("ads", "beta", "beta"),
        ("surface", "same", "alpha"),
        ("surface", "same", "beta"),
    ]


def test_the_first_copy_of_a_package_on_the_path_wins(adjoin_packages: Packages, tmp_path: Path) -> None:
    """Spelled differently it is still the same package."""
    later = Packages(tmp_path / "later")
    adjoin_packages.add("adjoin-tiny", version="1.0", entry_points={"adjoin.ads.v1": {"tiny": "tiny:plugin"}})
    later.add("Adjoin_Tiny", version="2.0", entry_points={"adjoin.ads.v2": {"tiny": "tiny:plugin"}})

    (offer,) = find_offers(["ads"], [str(adjoin_packages.folder), str(later.folder)])

    assert (offer.package_version, list(offer.entry_points)) == ("1.0", [1])


def test_a_package_without_metadata_is_named_by_its_folder(adjoin_packages: Packages) -> None:
    adjoin_packages.add("adjoin-tiny", metadata="", entry_points={"adjoin.ads.v2": {"tiny": "tiny:plugin"}})

    (offer,) = find(adjoin_packages)

    assert (offer.plugin, offer.package, offer.package_version) == ("tiny", "adjoin_tiny", "unknown")


@pytest.mark.parametrize("garbage", [b"no equals sign", b"tiny = \xff\xfe:plugin"])
def test_unreadable_entry_points_are_a_fault_of_that_package_only(adjoin_packages: Packages, garbage: bytes) -> None:
    broken = adjoin_packages.add("adjoin-broken")
    (broken / "entry_points.txt").write_bytes(b"[adjoin.ads.v2]\n" + garbage + b"\n")
    adjoin_packages.add("adjoin-tiny", entry_points={"adjoin.ads.v2": {"tiny": "tiny:plugin"}})

    first, second = find(adjoin_packages)

    assert first.plugin == "adjoin-broken"
    assert "entry_points.txt cannot be read" in first.fault
    assert (second.plugin, second.fault) == ("tiny", "")


def test_unreadable_entry_points_of_strangers_are_ignored(adjoin_packages: Packages) -> None:
    stranger = adjoin_packages.add("stranger")
    (stranger / "entry_points.txt").write_bytes(b"[console_scripts]\nnothing\n")

    assert find(adjoin_packages) == []


def test_nothing_is_imported(adjoin_packages: Packages) -> None:
    adjoin_packages.add(
        "adjoin-tiny", modules={"tiny": "plugin = 1"}, entry_points={"adjoin.ads.v2": {"tiny": "tiny:plugin"}}
    )

    find(adjoin_packages)

    assert not adjoin_packages.imported("tiny")


def test_by_default_the_path_of_the_interpreter_is_searched(adjoin_packages: Packages) -> None:
    adjoin_packages.add("adjoin-tiny", entry_points={"adjoin.ads.v2": {"tiny-of-this-test": "tiny:plugin"}})

    assert "tiny-of-this-test" in [offer.plugin for offer in find_offers(["ads"])]
