"""The suite as one class: the promises by subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from adjoin.testing.auth._descriptions import DescriptionPromises
from adjoin.testing.auth._factors import FactorPromises
from adjoin.testing.auth._parties import PartyPromises
from adjoin.testing.auth._passwords import PasswordPromises
from adjoin.testing.auth._registration import RegistrationPromises
from adjoin.testing.auth._sessions import SessionPromises
from adjoin.testing.auth._throttling import ThrottlingPromises

__all__ = ["AuthConformance"]


class AuthConformance(
    # The last one is collected first.
    PartyPromises,
    SessionPromises,
    ThrottlingPromises,
    FactorPromises,
    PasswordPromises,
    RegistrationPromises,
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
