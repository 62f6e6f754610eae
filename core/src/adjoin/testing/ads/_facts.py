"""Promises about results: windows, rows, money, and the truth."""

from __future__ import annotations

from collections.abc import Iterator

from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.testing._ads_probe import Reader, Rows, days
from adjoin.testing.ads._fixtures import Fixtures
from adjoin.testing.world import World

__all__ = ["FactPromises"]

_MONEY = ("cost_micros", "conversion_value_micros")
_COUNTS = ("impressions", "clicks", "conversions", "video_views")


class FactPromises(Fixtures):
    """What happened."""

    def test_fact_batches_obey_the_schema_exactly(self, reader: Reader, window: v2.DateWindow) -> None:
        for stream in reader.streams("facts"):
            for account in reader.readable_accounts():
                for batch in reader.read(stream.name, account, window):
                    assert isinstance(batch, v2.FactBatch), f"{stream.name} yields facts"
                    allowed = {stream.name, *stream.yields}
                    assert batch.dataset in allowed, f"{stream.name} yielded {batch.dataset}, it says {sorted(allowed)}"
                    expected = arrow_schema(batch.dataset)
                    assert batch.rows.schema.equals(expected), f"{batch.dataset}: {batch.rows.schema} != {expected}"
                    batch.rows.validate(full=True)

    def test_the_world_has_results_to_read(self, reader: Reader, window: v2.DateWindow) -> None:
        """Or the tests of facts would prove nothing."""
        for stream in reader.streams("facts"):
            found = [reader.facts(stream.name, account, window) for account in reader.readable_accounts()]
            assert any(one.rows for facts in found for one in facts.values()), f"{stream.name}: no rows in {window}"

    def test_keys_are_not_null(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            dataset = DATASETS[facts.dataset]
            for name in ("date", "account_id", *(key for key in dataset.keys if key not in dataset.nullable_keys)):
                assert all(row[name] is not None for row in facts.rows), f"{facts.dataset} of {account.id}: {name}"

    def test_rows_stay_inside_the_window(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            outside = sorted({row["date"] for row in facts.rows} - set(days(window)))
            assert not outside, f"{facts.dataset} of {account.id}: {window} was asked for, got {outside}"

    def test_both_ends_of_a_window_are_read(self, reader: Reader, window: v2.DateWindow) -> None:
        """Platforms count the last day in or out as they like; here it is in, and so is the first."""
        for stream in reader.streams("facts"):
            for account in reader.readable_accounts():
                whole = reader.facts(stream.name, account, window)
                for day in (window.since, window.until):
                    alone = reader.facts(stream.name, account, v2.DateWindow(since=day, until=day))
                    for dataset, facts in alone.items():
                        days_read = {row["date"] for row in whole[dataset].rows} if dataset in whole else set()
                        assert not facts.rows or day in days_read, (
                            f"{dataset} of {account.id}: {day} has {len(facts.rows)} rows, and none of them is in "
                            f"{window}, which includes both its ends"
                        )

    def test_rows_are_of_the_account_that_was_asked_for(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            others = {row["account_id"] for row in facts.rows} - {account.id}
            assert not others, f"{facts.dataset} of {account.id} has rows of {others}"

    def test_no_row_comes_twice(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            keys = facts.keys
            twice = [key for key in set(keys) if keys.count(key) > 1][:3] if len(keys) != len(set(keys)) else []
            assert not twice, f"{facts.dataset} of {account.id}: {twice} more than once"

    def test_money_and_counts_are_not_negative(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            for name in (*_MONEY, *_COUNTS):
                bad = [row for row in facts.rows if row.get(name) is not None and row[name] < 0][:1]
                assert not bad, f"{facts.dataset} of {account.id}: negative {name} in {bad}"

    def test_reading_twice_gives_the_same(self, reader: Reader, window: v2.DateWindow) -> None:
        first = [(account.id, facts.dataset, facts.sorted()) for account, facts in self._facts(reader, window)]
        again = [(account.id, facts.dataset, facts.sorted()) for account, facts in self._facts(reader, window)]

        assert first == again, "what is read again must replace what was read, not differ from it"

    def test_a_window_equals_the_sum_of_its_days(self, reader: Reader, window: v2.DateWindow) -> None:
        """Slices are cut by the planner and after a refusal, so where they are cut must not matter."""
        for stream in reader.streams("facts"):
            for account in reader.readable_accounts()[:2]:
                whole = reader.facts(stream.name, account, window)
                by_day = [reader.facts(stream.name, account, v2.DateWindow(since=d, until=d)) for d in days(window)]
                for dataset, facts in whole.items():
                    rows = tuple(row for day in by_day if dataset in day for row in day[dataset].rows)
                    assert Rows(dataset, rows).sorted() == facts.sorted(), f"{dataset} of {account.id} in {window}"

    def test_what_is_read_is_what_the_world_knows(
        self, reader: Reader, platform: str, world: World, window: v2.DateWindow
    ) -> None:
        """To the last digit: money without floats, no row lost between pages, none made up.

        What comes along with another dataset may lack what that one lacks (campaigns without ads).
        """
        self.need(reader, "sandbox")
        own = {stream.name for stream in reader.streams("facts")}
        for account, facts in self._facts(reader, window):
            truth = world.on(platform).truth(
                facts.dataset, account_id=account.id, since=window.since, until=window.until
            )
            expected = Rows(facts.dataset, tuple(truth.to_pylist())).sorted()
            if facts.dataset not in own:
                read = set(facts.keys)
                expected = [row for row in expected if Rows(facts.dataset, (row,)).keys[0] in read]
            assert facts.sorted() == expected, f"{facts.dataset} of {account.id} in {window}"

    def _facts(self, reader: Reader, window: v2.DateWindow) -> Iterator[tuple[v2.Account, Rows]]:
        for account in sorted(reader.readable_accounts(), key=lambda one: one.id):
            for stream in reader.streams("facts"):
                for facts in reader.facts(stream.name, account, window).values():
                    yield account, facts
