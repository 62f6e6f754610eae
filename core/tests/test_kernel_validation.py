"""What a plugin may not be, and what it is told about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from textwrap import dedent, indent

import pytest

from adjoin.contract import Contract, ContractVersion, MaybeAsync, hookspec
from adjoin.kernel import Report
from adjoin.testing.packages import Packages


class Toy:
    @hookspec(required=True)
    def accounts(self, client: str, page: int = 1) -> MaybeAsync[list[str]]:
        raise NotImplementedError

    @hookspec(timeout=None)
    def describe(self) -> str:
        raise NotImplementedError

    @hookspec(stream=True)
    def read(self, request: str) -> AsyncIterator[int]:
        raise NotImplementedError


TOY = Contract(name="toy", versions=(ContractVersion(number=1, spec=Toy),))

REQUIRED = """
    @hookimpl
    def accounts(self): return []
"""


def report(packages: Packages, methods: str, *, required: str = REQUIRED, end: str = "plugin = Plugin()") -> Report:
    body = indent(dedent(required) + dedent(methods), "    ")
    packages.add(
        "toy-one",
        version="2.0",
        modules={"toy_one": f"from adjoin.contract import hookimpl\n\nclass Plugin:\n{body}\n\n{end}\n"},
        entry_points={"adjoin.toy.v1": {"one": "toy_one:plugin"}},
    )
    (made,) = packages.load([TOY]).reports
    return made


def refusal(packages: Packages, methods: str, *, required: str = REQUIRED, end: str = "plugin = Plugin()") -> str:
    made = report(packages, methods, required=required, end=end)
    assert made.state == "refused"
    start = "plugin 'one': toy-one 2.0 does not fit contract 'toy' v1: "
    assert made.error is not None
    assert made.error.startswith(start)
    return made.error.removeprefix(start)


def test_a_class_in_place_of_an_instance(adjoin_packages: Packages) -> None:
    assert refusal(adjoin_packages, "", end="plugin = Plugin") == (
        "the entry point is the class Plugin; it must be an instance: Plugin()"
    )


def test_a_method_named_like_a_hook_without_the_mark(adjoin_packages: Packages) -> None:
    assert refusal(adjoin_packages, "def describe(self): return ''") == (
        "'describe' is named like a hook but lacks @hookimpl; mark it or rename it"
    )


def test_a_misspelt_hook_with_a_suggestion(adjoin_packages: Packages) -> None:
    assert refusal(adjoin_packages, "@hookimpl\ndef discribe(self): return ''") == (
        "'discribe' is marked @hookimpl but is no hook of this version; did you mean 'describe'?"
    )


def test_a_hook_that_is_like_no_other(adjoin_packages: Packages) -> None:
    assert refusal(adjoin_packages, "@hookimpl\ndef quux(self): return ''") == (
        "'quux' is marked @hookimpl but is no hook of this version"
    )


def test_a_missing_required_hook(adjoin_packages: Packages) -> None:
    assert refusal(adjoin_packages, "pass", required="") == "required hooks are missing: accounts"


def test_an_inherited_spec_method_does_not_count_as_implemented(adjoin_packages: Packages) -> None:
    adjoin_packages.add(
        "toy-one",
        version="2.0",
        modules={"toy_one": "from adjoin.ads import v2\n\nclass Plugin(v2.Ads): pass\n\nplugin = Plugin()"},
        entry_points={"adjoin.ads.v2": {"one": "toy_one:plugin"}},
    )

    (made,) = adjoin_packages.load().reports

    assert "required hooks are missing: accounts, describe, read" in (made.error or "")


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        (
            "@hookimpl\ndef read(self, **kwargs): ...",
            "'read' takes **kwargs; name the arguments it needs of: request",
        ),
        ("@hookimpl\ndef read(self, *args): ...", "'read' takes *args; name the arguments it needs of: request"),
        ("@hookimpl\ndef describe(self, **more): ...", "'describe' takes **more; name the arguments it needs of: none"),
        (
            "@hookimpl\ndef read(self, *, request): ...",
            "'read': argument 'request' must be neither keyword-only nor positional-only",
        ),
        (
            "@hookimpl\ndef read(self, request, /): ...",
            "'read': argument 'request' must be neither keyword-only nor positional-only",
        ),
        (
            "@hookimpl\nasync def read(self, reqest): yield 1",
            "'read' wants an argument 'reqest'; it can have: request",
        ),
        ("@hookimpl\ndef describe(self, token): ...", "'describe' wants an argument 'token'; it can have: none"),
        (
            "@hookimpl(wrapper=True)\ndef describe(self): return (yield)",
            "'describe' is a wrapper; plugins may not wrap other plugins' hooks",
        ),
        (
            "@hookimpl(hookwrapper=True)\ndef describe(self): yield",
            "'describe' is a wrapper; plugins may not wrap other plugins' hooks",
        ),
        (
            "@hookimpl\nasync def describe(self): ...",
            "'describe' is called inline and must be a plain function, not async def",
        ),
        (
            "@hookimpl\nasync def read(self, request): return []",
            "'read' is async def without yield; it must be an async generator",
        ),
        (
            "@hookimpl\ndef read(self, request): yield 1",
            "'read' is a plain generator; it must be an async generator",
        ),
        ("@hookimpl\ndef describe(self): yield 1", "'describe' yields; it must return its whole answer"),
    ],
    ids=lambda value: value.removeprefix("@hookimpl\n") if value.startswith("@") else "",
)
def test_a_signature_that_would_only_fail_at_the_call(adjoin_packages: Packages, method: str, complaint: str) -> None:
    assert refusal(adjoin_packages, method) == complaint


def test_an_argument_with_a_default_that_no_release_fills_is_noted(adjoin_packages: Packages) -> None:
    """It may be a misspelling, or an argument of a newer release: the plugin works, and the note tells."""
    made = report(adjoin_packages, "", required="@hookimpl\ndef accounts(self, clinet=None): return []")

    assert made.state == "ok"
    assert made.notes == ("'accounts' has an argument 'clinet' that this release never fills",)


def test_arguments_may_be_left_out(adjoin_packages: Packages) -> None:
    made = report(adjoin_packages, "@hookimpl\nasync def read(self):\n    yield 1")

    assert (made.state, made.notes) == ("ok", ())
