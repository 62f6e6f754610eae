"""Promises about the description, the authorisation and the verdicts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS
from adjoin.ads.managers import problems_of
from adjoin.environment import without_secrets
from adjoin.errors import ErrorKind
from adjoin.testing._ads_probe import CANARY_SECRET, ENTITIES, Reader, entry_point_of
from adjoin.testing.ads._fixtures import Fixtures

__all__ = ["DescriptionPromises"]


class DescriptionPromises(Fixtures):
    """What a plugin says of itself and of the platform's answers."""

    # --- describe ---------------------------------------------------------------------------------------------------

    def test_the_description_is_constant(self, reader: Reader) -> None:
        assert reader.describe() == reader.describe(), "describe() must only state: it is called often"

    def test_there_is_a_title_for_people(self, reader: Reader) -> None:
        assert reader.describe().title.strip(), "the title is what people see; it must not be empty"

    def test_streams_have_different_names(self, reader: Reader) -> None:
        names = [stream.name for stream in reader.describe().streams]

        assert names, "a platform offers at least one stream"
        assert len(names) == len(set(names)), f"each stream once, got {names}"

    def test_streams_are_known(self, reader: Reader) -> None:
        for stream in reader.describe().streams:
            known = set(DATASETS) if stream.kind == "facts" else set(ENTITIES)
            assert stream.name in known, f"{stream.kind} stream {stream.name!r} is none of {sorted(known)}"
            assert set(stream.yields) <= set(DATASETS), f"{stream.name} yields unknown datasets: {stream.yields}"
            assert stream.kind == "entities" or not stream.incremental, (
                f"{stream.name}: `incremental` is about lists of entities; results are read by their window"
            )
            assert stream.name not in stream.yields, f"{stream.name}: `yields` names what comes along, not itself"

    def test_periods_are_positive(self, reader: Reader) -> None:
        for stream in reader.describe().streams:
            assert stream.max_window_days >= 1, f"{stream.name}: a window has at least one day"
            assert stream.retention_days is None or stream.retention_days >= 1, f"{stream.name}: None means for ever"
            for look_back in stream.look_back:
                assert look_back.days >= 1, f"{stream.name}: looking back 0 days reads nothing again"
                assert look_back.every >= timedelta(0), f"{stream.name}: `every` is how long to wait, not negative"

    def test_there_is_a_way_to_authorise(self, reader: Reader) -> None:
        assert reader.describe().auth.methods, "without a method nobody can connect: 'oauth', 'token' or both"

    def test_limits_are_positive(self, reader: Reader) -> None:
        described = reader.describe()

        assert described.max_concurrency >= 1, "with a concurrency of 0 nothing would ever be read"
        for limit in described.limits:
            assert limit.per_second > 0, f"a {limit.scope} limit of {limit.per_second} per second never lets through"
            assert limit.burst >= 1, f"a {limit.scope} limit with a burst of {limit.burst} never lets through"

    def test_other_hosts_are_origins(self, reader: Reader) -> None:
        """They may get the connection's token, so nothing but the platform's own https addresses belongs there."""
        for host in reader.describe().hosts:
            parts = urlsplit(host)
            assert parts.scheme == "https", f"{host!r}: a token must not travel without encryption"
            assert parts.netloc, f"{host!r} names no host; write it as https://reporting.example.com"
            assert parts.path in ("", "/"), f"{host!r}: name the host alone, without a path"

    def test_app_fields_have_names_and_labels(self, reader: Reader) -> None:
        """An operator sets ADJOIN_<PLATFORM>_<NAME>, so a name must be fit for that."""
        names = [field.name for field in reader.describe().auth.app_fields]
        assert len(names) == len(set(names)), f"each app field once, got {names}"
        for field in reader.describe().auth.app_fields:
            assert re.fullmatch("[a-z][a-z0-9_]*", field.name), f"{field.name!r}: small letters, digits, underscores"
            assert field.label.strip(), f"the app field {field.name!r} needs a label: it is what operators read"

    def test_known_gaps_are_pairs_of_datasets(self, reader: Reader) -> None:
        for pair, reason in reader.describe().known_gaps.items():
            finer, _, coarser = pair.partition("<")
            assert {finer, coarser} <= set(DATASETS), f"{pair!r} must read 'finer<coarser', both datasets"
            assert reason.strip(), f"{pair}: the operator wants to know why"

    def test_links_to_the_manager_can_be_filled(self, reader: Reader) -> None:
        """People follow them, so each is an address of the platform's that nothing but ids is put into."""
        links = reader.describe().manager
        problems = {} if links is None else problems_of(links)
        assert not problems, "; ".join(f"manager.{level}: {problem}" for level, problem in problems.items())

    def test_the_entry_module_imports_nothing_heavy(self, implementation: object, version: int) -> None:
        """Importing a plugin is part of every start, `adjoin --help` included: import SDKs inside the functions."""
        module = entry_point_of(implementation, version)[1]
        program = (
            f"import sys, importlib; importlib.import_module({module!r}); "
            f"print(*sorted(set({self.heavy!r}) & set(sys.modules)))"
        )
        command = [sys.executable, "-c", program]
        environment = without_secrets(os.environ)
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603

        assert run.returncode == 0, f"{module} cannot be imported by itself: {run.stderr}"
        assert not run.stdout.split(), f"importing {module} imports {run.stdout.split()}: do that inside the functions"

    # --- authorisation ----------------------------------------------------------------------------------------------

    def test_the_hooks_for_oauth_are_there_where_it_is_offered_and_only_there(self, reader: Reader) -> None:
        methods = reader.describe().auth.methods
        for hook in ("consent_url", "redeem", "renew"):
            if "oauth" in methods:
                assert reader.implements(hook), f"auth.methods has 'oauth', so {hook} is needed"
            elif hook != "renew":
                assert not reader.implements(hook), f"{hook} is never called: auth.methods lacks 'oauth'"

    def test_the_consent_page_is_told_where_to_come_back_to(self, reader: Reader) -> None:
        self.need(reader, "consent_url")
        app = v2.App(client_id="the-app", client_secret=CANARY_SECRET)
        consent = v2.Consent(redirect_uri="http://127.0.0.1:8765/back", state="the-state", code_challenge="challenge")

        url = reader.kernel.hook(v2.Ads.consent_url).one(
            reader.platform, app, consent, base_url=reader.describe().base_url
        )

        query = parse_qs(urlsplit(url).query)
        assert urlsplit(url).scheme == "https", f"a person's password is typed in there: {url}"
        assert query.get("state") == ["the-state"], "the state guards against forged answers and must be passed on"
        assert query.get("redirect_uri") == ["http://127.0.0.1:8765/back"]
        assert CANARY_SECRET not in url, "the app's secret must not be in an address"
        assert ("code_challenge" in query) == reader.describe().auth.pkce, "`auth.pkce` says whether it understands one"

    # --- verdicts ---------------------------------------------------------------------------------------------------

    @pytest.fixture
    def good_body(self) -> bytes:
        """A body with which the platform says that all is well and there is nothing."""
        return b'{"data":[]}'

    def test_a_good_answer_is_no_fault(self, reader: Reader, good_body: bytes) -> None:
        self.need(reader, "inspect")
        reply = v2.Reply(status=200, headers={"content-type": "application/json"}, body=good_body)

        verdict = reader.kernel.hook(v2.Ads.inspect).one(reader.platform, reply)

        assert verdict.fault is None, f"status 200 with {good_body!r} was taken for a fault: {verdict.fault}"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"error": 7}', b'"\xff'])
    def test_any_refusal_gets_a_kind_and_nothing_raises(self, reader: Reader, status: int, body: bytes) -> None:
        """Proxies and gateways answer in the platform's place, and not in its format."""
        self.need(reader, "inspect")

        verdict = reader.kernel.hook(v2.Ads.inspect).one(
            reader.platform, v2.Reply(status=status, headers={}, body=body)
        )

        assert verdict.fault is not None, f"status {status} with {body!r} is no good answer"
        if status >= 500:
            assert verdict.fault.kind is ErrorKind.RETRY, "a gateway's fault passes"
        if status == 429:
            assert verdict.fault.kind is ErrorKind.WAIT, "429 asks to wait, whatever the body says"
