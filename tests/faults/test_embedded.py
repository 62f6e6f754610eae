"""One scheduler that executes runs itself, on SQLite, broken in every way that a machine can break it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from adjoin.testing.faults import EVERYWHERE, ON_PLATFORMS, Fault
from adjoin.testing.processes import eventually

PLATFORMS = ("google", "linkedin", "meta", "microsoft")

_COUNT = """
import json, sqlite3, sys
query = "SELECT count(*), sum(state IN ('queued', 'running')) FROM runs"
print(json.dumps(sqlite3.connect(sys.argv[1], timeout=30).execute(query).fetchone()))
"""

#: Faults that last until a person does something, or that are waited for longer than a test may take.
LASTING = {
    "quota_exhausted": "waits for hours",
    "report_stuck": "waits for as long as reports take at worst",
    "token_revoked": "a person has to connect again",
    "token_rejected": "a person has to connect again",
    "account_forbidden": "stays until the platform is asked to lift it",
    "account_disabled": "stays until the platform is asked to lift it",
    "version_retired": "stays until the plugin is upgraded",
    "page_endless": "stays until it is switched off",
}

#: Refusals after which a plugin stays away for a minute and more, and what a person would have to renew.
LONG = {
    "google": {"throttle_bare"},
    "linkedin": {"throttle_bare"},
    "meta": {"throttle", "throttle_bare", "throttle_in_200", "token_expired"},
    "microsoft": {"throttle", "throttle_bare"},
}


def test_killed_at_random_points(site, served, chance, tell):
    """kill -9 at any moment of two days of syncs of four platforms: each process goes on where the last one ended."""
    site.connect(*PLATFORMS)
    served.slow_down()
    kills, recovered = [], []
    for _ in range(2):
        site.next_day()
        for _ in range(4):
            process = site.scheduler()
            kills.append(site.strike(chance, process))
            process.kill()
        recovered.append(site.recover())
    site.assert_sound()
    attempts = max(run.attempts for run in site.runs())
    assert attempts > 1, f"no run was struck: {kills}"
    tell(f"{len(kills)} kills, up to {attempts} attempts of a run; all done {max(recovered):.1f} s after a restart")


def test_restored_from_a_backup(site, served):
    """As docs/operations.md says: the database first, the facts later; what came after it is read again."""
    site.connect(*PLATFORMS[:2])
    site.make_due()
    site.recover()
    backup = site.home.with_name("backup")
    backup.mkdir()
    with (
        closing(sqlite3.connect(site.home / "adjoin.db")) as live,
        closing(sqlite3.connect(backup / "adjoin.db")) as copy,
    ):
        live.backup(copy)
    site.next_day()
    site.recover()  # between the two parts of the backup, and what it replaces stays for a day
    for name in ("facts", "key"):
        (shutil.copytree if (site.home / name).is_dir() else shutil.copy)(site.home / name, backup / name)
    site.next_day()
    site.recover()

    site.replace_home(backup)
    verified = site.adjoin("facts", "verify")
    eventually(lambda: verified.exit_code is not None, "the facts were verified")
    verified.kill()
    assert verified.exit_code == 0, verified.tail()
    site.slots = 1  # the restored database knows of one
    site.next_day()
    site.recover()
    site.assert_sound()


def test_frozen_and_woken_beside_another(site, served, chance, tell):
    """Frozen for longer than its lease: the other one fires the slots meanwhile, and what wakes late does no harm."""
    site.connect(*chance.sample(PLATFORMS, 2))
    served.slow_down()
    first = site.scheduler()
    site.make_due()
    struck = site.strike(chance, first)
    second = site.scheduler("second scheduler")
    first.freeze()
    begun = time.monotonic()
    # Frozen in the middle of writing it keeps SQLite to itself, and nobody else can do anything.
    eventually(lambda: site.leads(second) or time.monotonic() - begun > 15, watching=[second])
    frozen = time.monotonic() - begun
    first.thaw()
    site.until_idle(first, second)
    site.next_day()
    took = site.until_idle(first, second)
    assert (first.stop(), second.stop()) == (0, 0), first.tail() + second.tail()
    site.assert_sound()
    tell(f"frozen for {frozen:.0f} s after {struck}; a day later all done in {took:.1f} s")


def test_two_at_once_and_the_first_is_killed(site, served, chance, tell):
    """Of two the first works and the second stands by; every slot fires once, and the second goes on."""
    site.connect(*chance.sample(PLATFORMS, 2))
    served.slow_down()
    recovered = []
    for _ in range(2):
        first = site.scheduler("first")
        eventually(lambda first=first: site.leads(first), "the first led", watching=[first])
        second = site.scheduler("second")
        site.next_day()
        site.strike(chance, first, second)
        first.kill()
        recovered.append(site.until_idle(second))
        assert second.stop() == 0, second.tail()
    site.assert_sound()
    tell(f"all done {max(recovered):.1f} s after the first of two was killed")


@pytest.mark.parametrize("limit", [0, 16 * 1024], ids=["nothing", "little"])
def test_disk_full(site, served, chance, tell, limit):
    """While nothing, or only small files, can be written: runs fail and say why; with room again the next is whole."""
    site.connect(*chance.sample(PLATFORMS, 2))
    served.slow_down()
    process = site.scheduler()
    recovered = []
    for _ in range(2):
        site.next_day()
        struck = site.strike(chance, process)
        process.limit_files(limit)
        eventually(
            lambda: "cannot" in process.said.lower() or site.idle(), "a complaint", watching=[process], within=20
        )
        time.sleep(chance.random())
        process.limit_files(None)
        recovered.append(site.until_idle(process))
    site.next_day()
    site.until_idle(process)
    assert process.stop() == 0, process.tail()
    site.assert_sound(failures=True)
    tell(f"no room for files above {limit} bytes after {struck}; all runs had ended {max(recovered):.1f} s later")


def test_disk_of_few_megabytes(site, served, chance, tell, tmp_path):
    """A real disk of 4 MB that fills up: what fits stays true, and with room again the next run is whole."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
        pytest.skip("this system lets no user mount a disk of their own")
    site.connect(*chance.sample(PLATFORMS, 2))
    site.make_due()
    mount = (
        'mount -t tmpfs -o size=4m disk "$1" && cp -a "$2/." "$1" && room=$(df -k --output=avail "$1" | tail -1) && '
        f'dd if=/dev/zero of="$1/ballast" bs=1k count=$((room - {chance.randint(100, 1200)})) status=none && '
        'touch "$2/mounted" && exec sleep 600'
    )
    disk = tmp_path / "disk"
    disk.mkdir()
    holder = site.start("unshare", "-Urm", "sh", "-c", mount, "sh", str(disk), str(site.home), name="disk")
    eventually((site.home / "mounted").exists, "the disk was mounted", watching=[holder])
    inside = Path(f"/proc/{holder.pid}/root{disk}")
    enter = ["nsenter", "-t", str(holder.pid), "-U", "-m", "--preserve-credentials"]
    full = site.start(
        *enter, sys.executable, str(site.scheduler_program), name="on the small disk", ADJOIN_HOME=str(disk)
    )

    def ended() -> bool:
        """Ask within: SQLite finds no way into the mount of another process."""
        asked = [*enter, sys.executable, "-ISc", _COUNT, str(disk / "adjoin.db")]
        runs, active = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
        return bool(runs) and not active

    eventually(lambda: ended() or "full" in full.said, "the disk was full", watching=[full])
    (inside / "ballast").unlink()
    begun = time.monotonic()
    eventually(ended, "all runs had ended", watching=[full])
    took = time.monotonic() - begun
    assert full.stop() == 0, full.tail()
    said = full.said
    site.replace_home(inside)
    site.next_day()
    site.recover()
    site.assert_sound(failures=True)
    tell(f"a disk of 4 MB {'filled up' if 'full' in said else 'was enough'}; all had ended {took:.1f} s later")


def test_database_locked_for_long(site, served, chance, tell):
    """Another process keeps the database to itself for longer than a writer waits."""
    site.settings["ADJOIN_DATABASE_URL"] = f"sqlite:///{site.home / 'adjoin.db'}?timeout=4"
    site.connect(*chance.sample(PLATFORMS, 2))
    served.slow_down()
    process = site.scheduler()
    recovered = []
    for _ in range(2):
        site.next_day()
        struck = site.strike(chance, process)
        with closing(sqlite3.connect(site.home / "adjoin.db", isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(6.5)
            other.execute("ROLLBACK")
        recovered.append(site.until_idle(process))
    site.next_day()
    site.until_idle(process)
    assert process.stop() == 0, process.tail()
    site.assert_sound(failures=True)
    tell(f"locked for 6.5 s after {struck}; all runs had ended {max(recovered):.1f} s later")


def test_clock_jumps(site, served, chance, tell):
    """The machine's clock goes days ahead and back in the middle of runs: which days are read is the platform's say."""
    site.connect(*chance.sample(PLATFORMS, 2))
    served.slow_down()
    ahead = site.home / "ahead"
    ahead.write_text("0")
    command = [sys.executable, str(Path(__file__).with_name("jumping.py")), str(ahead), str(site.scheduler_program)]
    process = site.start(*command, name="scheduler on a jumping clock")
    jumps = [3 * 86_400, -2 * 86_400, 0]
    for jump in jumps:
        site.next_day()
        site.strike(chance, process)
        site.ahead = timedelta(seconds=jump)
        draft = ahead.with_name("ahead.draft")
        draft.write_text(str(jump))
        draft.replace(ahead)
        site.until_idle(process)
    assert process.stop() == 0, process.tail()
    ahead_jumps = sum(later > before for before, later in pairwise([0, *jumps]))
    site.assert_sound(spare_slots=ahead_jumps)  # for a clock that goes days ahead, a slot has passed
    tell(f"jumped to {', '.join(f'{jump // 86_400:+d} days' for jump in jumps)}")


def test_platforms_at_their_worst(site, served, chance, tell):
    """Faults of every passing kind at random, and kills between them: in the end everything is there."""
    platforms = chance.sample(PLATFORMS, 2)
    long = set().union(*(LONG[platform] for platform in platforms))
    kinds = [kind for kind in (*EVERYWHERE, *ON_PLATFORMS) if kind not in {*LASTING, *long}]
    site.connect(*platforms)
    served.slow_down()
    site.next_day()
    faults = [
        Fault(kind=kind, times=chance.randint(1, 2), every=chance.randint(1, 9), after=chance.randint(0, 30))
        for kind in chance.sample(kinds, 10)
    ]
    served.world.faults.add(*faults)
    for _ in range(2):
        process = site.scheduler()
        site.strike(chance, process)
        process.kill()
    site.recover()
    fired = sorted({one.kind for one in served.world.faults.fired if not one.kind.startswith("latency")})
    served.world.faults.clear()
    site.next_day()
    took = site.recover()
    site.assert_sound(failures=True)
    tell(f"{', '.join(platforms)} with {json.dumps(fired)}; whole again after {took:.1f} s")
