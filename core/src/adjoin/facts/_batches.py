"""Some at a time of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["batches"]

_T = TypeVar("_T")


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield the items in lists of `size`; the last may be shorter. Takes no more than one list ahead."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
