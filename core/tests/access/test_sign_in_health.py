"""What doctor says of sign-in, and the log where a process starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from adjoin.access.sign_in_health import check_sign_in, warn_of_sign_in
from adjoin.auth import CONTRACT, v1
from adjoin.contract import hookimpl
from adjoin.kernel import Kernel


class Doorman(v1.Auth):
    def __init__(self) -> None:
        self.problems: tuple[str, ...] = ()

    @hookimpl
    def describe(self) -> v1.Description:
        company = v1.Party(id="company", title="The Company", issuer="https://login.company.example")
        return v1.Description(
            title="Password", issuer="urn:example:doorman", parties=(company,), problems=self.problems
        )

    @hookimpl
    def sign_in(self, context: v1.AuthContext, credentials: v1.Credentials) -> v1.Proof:
        raise NotImplementedError


@pytest.fixture
def doorman() -> Doorman:
    return Doorman()


@pytest.fixture
def kernel(doorman: Doorman) -> Iterator[Kernel]:
    made = Kernel([CONTRACT])
    made.add("doorman", "auth", 1, doorman)
    yield made
    made.close()


def test_all_ways_in_are_named(kernel: Kernel) -> None:
    [found] = check_sign_in(kernel, "doorman")
    assert (found.state, found.detail) == ("ok", "doorman: Password, The Company")


def test_each_wrong_setting_is_said(kernel: Kernel, doorman: Doorman) -> None:
    doorman.problems = ("ADJOIN_AUTH_X is missing.", "ADJOIN_AUTH_Y is odd.")
    found = check_sign_in(kernel, "doorman")
    assert [(one.state, one.detail) for one in found] == [("failed", one) for one in doorman.problems]
    assert all(one.advice for one in found)


def test_a_provider_that_is_not_there(kernel: Kernel) -> None:
    [found] = check_sign_in(kernel, "nobody")
    assert found.state == "failed"
    assert "nobody" in found.detail
    assert "adjoin plugins list" in found.advice


def test_the_log_has_it_and_nothing_else(kernel: Kernel, doorman: Doorman) -> None:
    with structlog.testing.capture_logs() as logs:
        warn_of_sign_in(kernel, "doorman")
        doorman.problems = ("ADJOIN_AUTH_X is missing.",)
        warn_of_sign_in(kernel, "doorman")
    assert [(entry["log_level"], entry["problem"]) for entry in logs] == [("error", "ADJOIN_AUTH_X is missing.")]
