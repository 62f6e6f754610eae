"""Promises about what a plugin offers beside reading: limits of creatives, a sandbox, changes."""

from __future__ import annotations

from adjoin.ads import v2
from adjoin.testing._ads_probe import Reader
from adjoin.testing.ads._fixtures import Fixtures
from adjoin.testing.world import World

__all__ = ["ChangePromises"]


class ChangePromises(Fixtures):
    """What is offered beside reading."""

    def test_creative_limits_are_positive(self, reader: Reader) -> None:
        self.need(reader, "spec_limits")
        for limit in reader.kernel.hook(v2.Ads.spec_limits).one(reader.platform):
            assert limit.placement, f"where does it hold? {limit}"
            assert limit.element, f"of what? {limit}"
            numbers = (limit.max_characters, limit.min_width, limit.min_height, limit.max_bytes)
            assert all(number is None or number > 0 for number in numbers), (
                f"None is no limit, 0 allows nothing: {limit}"
            )

    def test_the_sandbox_is_an_application(self, reader: Reader, world: World) -> None:
        self.need(reader, "sandbox")

        assert callable(reader.kernel.hook(v2.Ads.sandbox).one(reader.platform, world))

    def test_checking_a_change_changes_nothing(self, reader: Reader) -> None:
        self.need(reader, "apply")
        account = next(one for one in reader.readable_accounts() if reader.entities(one, v2.Campaign))
        before = reader.entities(account, v2.Campaign)
        change = v2.Change(
            key="conformance-1",
            account=account,
            operation="update",
            kind="campaign",
            object_id=before[0].id,
            fields=(v2.FieldChange(name="name", before=None, after='"Renamed"'),),
            validate_only=True,
        )

        result = reader.kernel.hook(v2.Ads.apply).one(reader.platform, change, client=reader.client)

        assert result.state in {"valid", "refused"}, f"only checked, so it cannot be {result.state}"
        assert reader.entities(account, v2.Campaign) == before, "validate_only must write nothing"
