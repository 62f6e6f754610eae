"""Columns of figures as the datasets want them, exact, for plugins that build their batches from arrays.

    batch_of("campaign_daily", {"date": days, ..., "conversions": conversions(billionths)})

Whole numbers throughout: a count of conversions is billionths, an amount is micros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adjoin.ads.datasets import CONVERSION_SCALE, arrow_schema
from adjoin.ads.v2 import FactBatch

__all__ = ["Columns", "Ints", "batch_of", "conversions"]

Ints: TypeAlias = npt.NDArray[np.int64]
Columns: TypeAlias = Mapping[str, "pa.Array[Any]"]


def conversions(billionths: Ints) -> pa.Array[Any]:
    """Return the column of conversions.

    Billionths are what the decimal type stores, 128 bits each with the low half first, so nothing is computed.
    """
    words = np.empty((len(billionths), 2), dtype="<i8")
    words[:, 0] = billionths
    words[:, 1] = billionths >> 63
    kind = pa.decimal128(18, CONVERSION_SCALE)
    return pa.Array.from_buffers(kind, len(billionths), [None, pa.py_buffer(words.tobytes())])


def batch_of(dataset: str, columns: Columns) -> FactBatch:
    """Return a batch of a dataset from columns in any order.

    KeyError for a dataset or a column that is not there, pyarrow's errors (ValueErrors) for one of another type.
    """
    schema = arrow_schema(dataset)
    rows = pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
    return FactBatch(dataset=dataset, rows=rows)
