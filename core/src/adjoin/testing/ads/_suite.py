"""The suite as one class: the fixtures, and the promises by subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from adjoin.testing.ads._changes import ChangePromises
from adjoin.testing.ads._descriptions import DescriptionPromises
from adjoin.testing.ads._endings import EndingPromises
from adjoin.testing.ads._entities import EntityPromises
from adjoin.testing.ads._errors import ErrorPromises
from adjoin.testing.ads._facts import FactPromises

__all__ = ["AdsConformance"]


class AdsConformance(
    # The last one is collected first.
    ChangePromises,
    EndingPromises,
    ErrorPromises,
    FactPromises,
    EntityPromises,
    DescriptionPromises,
):
    """Inherit, and override the fixture `implementation`; the others have defaults that suit most plugins."""

    __adjoin_conformance__ = True

    #: Tests that the plugin does not pass, by name, each with `pytest.mark.notyet` or `pytest.mark.never` and a reason.
    deviations: ClassVar[Mapping[str, pytest.MarkDecorator]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        unknown = sorted(name for name in cls.deviations if not hasattr(cls, name))
        if unknown:
            raise TypeError(f"{cls.__name__}.deviations names no test of the suite: {', '.join(unknown)}")
        odd = sorted(name for name, mark in cls.deviations.items() if mark.name not in {"notyet", "never"})
        if odd:
            raise TypeError(f"{cls.__name__}.deviations: {', '.join(odd)} must be marked notyet or never")
