"""Which of a creative's conversions were leads: the world tells it for the whole campaign only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adjoin_linkedin.sandbox.conversions import LEADS

__all__ = ["shared_out"]

_PLACE = ("date", "campaign_id", "ad_group_id")


def shared_out(actions: pa.Table, ads: pa.Table) -> pa.Table:
    """Return the conversions of ads like rows of `conversion_daily` (with whole numbers), split into leads and others.

    Each ad has its own number and value of conversions. The leads of its ad group on that day go to the first of its
    ads that have conversions, so that both sums stay what they are.
    """
    if actions["ad_id"].null_count == 0:
        return actions
    leads = actions.filter(pc.equal(actions["action"], pa.scalar(LEADS))).select([*_PLACE, "conversions"])
    leads = leads.group_by(list(_PLACE)).aggregate([("conversions", "sum")])
    ads = ads.filter(pc.greater(ads["conversions"], pa.scalar(0)))
    joined = ads.append_column("row", pa.array(np.arange(ads.num_rows)))
    joined = joined.join(leads, keys=list(_PLACE), join_type="left outer").sort_by(
        [*((name, "ascending") for name in _PLACE), ("row", "ascending")]
    )
    counts, available = _whole(joined["conversions"]), _whole(joined["conversions_sum"])
    starts = _starts(joined)
    before = np.cumsum(counts) - counts
    before -= before[starts][np.cumsum(starts) - 1] if len(counts) else before
    of_leads = np.clip(available - before, 0, counts)
    nothing = np.zeros_like(counts)
    return pa.concat_tables(
        [
            _rows(joined, LEADS, of_leads, nothing),
            _rows(joined, "others", counts - of_leads, _whole(joined["conversion_value_micros"])),
        ]
    )


def _rows(ads: pa.Table, action: str, counts: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> pa.Table:
    columns: dict[str, Any] = {
        **{name: ads[name] for name in ("date", "account_id", "campaign_id", "ad_group_id", "ad_id")},
        "action": pa.array([action] * ads.num_rows, pa.string()),
        "conversions": pa.array(counts),
        "conversion_value_micros": pa.array(values),
    }
    return pa.table(columns)


def _whole(column: Any) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = pc.fill_null(pc.cast(column, pa.int64(), safe=False), 0).to_numpy()
    return found


def _starts(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Say of each row whether an ad group's day begins there."""
    changed = np.zeros(table.num_rows, dtype=bool)
    changed[:1] = True
    for name in _PLACE:
        column = table[name].combine_chunks()
        if len(column) > 1:
            changed[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    return changed
