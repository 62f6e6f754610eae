"""Promises about refusals: their kinds, and what neither they nor the log ever say."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator

import pytest

from adjoin.ads import v2
from adjoin.errors import AdjoinError, ErrorKind, PlatformError
from adjoin.testing._ads_probe import CANARY, Reader
from adjoin.testing._ads_stage import Stage
from adjoin.testing._log_capture import captured_logs
from adjoin.testing.ads._fixtures import Fixtures
from adjoin.testing.faults import EVERYWHERE, ON_PLATFORMS, Fault
from adjoin.testing.world import World

__all__ = ["ErrorPromises"]

_RETRY, _WAIT, _RESTART, _INVALID = ErrorKind.RETRY, ErrorKind.WAIT, ErrorKind.RESTART, ErrorKind.INVALID
_RECONNECT, _SKIP, _SPLIT = ErrorKind.RECONNECT, ErrorKind.SKIP_ACCOUNT, ErrorKind.SPLIT

#: Faults that stay: which kinds of error they may come to, and why it matters.
_LASTING: dict[str, tuple[Collection[ErrorKind], str]] = {
    "status:503": ({_RETRY}, "a gateway's fault passes, so the slice is read again"),
    "cut_body": ({_RETRY}, "a cut connection says nothing about the data, so the slice is read again"),
    "truncate": ({_RETRY}, "half an answer must never look like all of it"),
    "garbage": ({_RETRY}, "an answer in another format comes from something in between and passes"),
    "server_error": ({_RETRY}, "the platform's own passing error"),
    "throttle": ({_WAIT}, "a throttled slice waits as told; any other kind would fail it or hammer the platform"),
    "throttle_bare": ({_WAIT}, "throttled without a hint is throttled all the same"),
    "throttle_in_200": ({_WAIT}, "the status says that all is well, so `inspect` has to look into the body"),
    "quota_exhausted": ({_WAIT}, "the next run can go on when the quota is there again"),
    "token_expired": ({_RECONNECT}, "without a way to renew only the owner can help"),
    "token_revoked": ({_RECONNECT}, "only the owner can help, so the connection asks for it"),
    "page_expired": ({_RESTART, _RETRY}, "the list is read again from its start"),
    "page_invalid": ({_RESTART, _RETRY}, "the list is read again from its start"),
    "page_endless": ({_RESTART, _RETRY}, "a list without an end must end as an error, not in a full disk"),
    "account_forbidden": ({_SKIP}, "the account is left out and said so; the others go on"),
    "report_failed": ({_SPLIT, _RETRY, _RESTART}, "another try, or a smaller report, may work"),
    "report_stuck": ({_SPLIT, _RETRY, _WAIT}, "a report that never ends must be given up before the deadline"),
    "version_retired": ({_INVALID}, "no repetition helps: an operator has to change the version"),
}

_PATIENCE = 60.0  # seconds of real time, for a plugin that never ends


class ErrorPromises(Fixtures):
    """What is refused, and in which words."""

    def test_a_wrong_token_is_refused_without_being_repeated_in_words(self, reader: Reader, stage: Stage) -> None:
        self.need(reader, "sandbox")
        stranger = Reader(reader.kernel, reader.platform, stage.client(v2.Credential(access_token=CANARY)))

        with pytest.raises(PlatformError) as caught:
            stranger.accounts()

        assert caught.value.kind in {ErrorKind.RECONNECT, ErrorKind.REFRESH}, "the owner has to connect again"
        _tells_no_secret(_words(caught.value), stage, "the message")

    def test_an_unknown_account_is_the_platforms_refusal(
        self, reader: Reader, window: v2.DateWindow, stage: Stage
    ) -> None:
        self.need(reader, "sandbox")
        known = reader.readable_accounts()[0]
        unknown = v2.Account(id="999000999", name="", currency=known.currency, time_zone=known.time_zone)
        for stream in reader.describe().streams:
            request = v2.ReadRequest(
                stream=stream.name, account=unknown, window=window if stream.kind == "facts" else None
            )
            error = asyncio.run(_refusal(reader, request))
            assert error is not None, f"{stream.name}: an account that is not there must not look like an empty one"
            _tells_no_secret(_words(error), stage, f"{stream.name}: the message")

    def test_an_unknown_stream_is_refused_by_name(self, reader: Reader, window: v2.DateWindow) -> None:
        """An operator's typing error, or a plugin older than the product, must not look like a day without results."""
        account = reader.readable_accounts()[0]
        error: AdjoinError | None = None
        try:
            reader.read("weather_daily", account, window)
        except AdjoinError as refused:
            error = refused
        assert error is not None, (
            "there is no stream 'weather_daily', yet reading it ended well: raise PlatformError(kind=invalid) for a "
            "stream that `describe` does not list"
        )
        assert "weather_daily" in str(error), f"the refusal must name the stream that was asked for: {error}"

    @pytest.mark.parametrize("fault", _LASTING)
    def test_a_fault_that_stays_has_its_kind(
        self, reader: Reader, stage: Stage, window: v2.DateWindow, fault: str
    ) -> None:
        """The engine decides by the kind alone what it does next: wait, repeat, split, skip, or ask the owner."""
        self.need(reader, "sandbox")
        allowed, why = _LASTING[fault]
        account = next(_with_results(reader, window))
        stream = reader.streams("facts")[-1]
        request = v2.ReadRequest(stream=stream.name, account=account, window=_long(stream, window, fault))
        client = stage.client(v2.Credential(access_token=stage.world.token(stage.platform)))
        with captured_logs() as lines, _switched_on(stage.world, Fault(kind=fault)):
            error = asyncio.run(_refusal(Reader(reader.kernel, reader.platform, client), request))
            fired = [one for one in stage.world.faults.fired if one.kind == fault]
        if not fired:
            pytest.skip(f"not implemented: the fault {fault} in the sandbox ({_meaning(fault)})")
        assert error is not None, f"{stream.name} under {fault} ({_meaning(fault)}) ended as if all were well; {why}"
        assert error.kind in allowed, (
            f"{stream.name} under {fault} ({_meaning(fault)}) raised kind {error.kind!s}: {error}. It should be "
            f"{' or '.join(sorted(map(str, allowed)))}: {why}. `inspect` decides it, or the plugin where it raises"
        )
        _tells_no_secret(_words(error), stage, f"under {fault}: the message")
        _tells_no_secret("\n".join(lines), stage, f"under {fault}: the log")

    def test_values_that_nobody_knows_yet_do_no_harm(self, reader: Reader, stage: Stage, window: v2.DateWindow) -> None:
        """Platforms add states and fields without notice; a sync must not stop for them, nor the figures change."""
        self.need(reader, "sandbox")
        account = next(_with_results(reader, window))
        streams = reader.describe().streams
        before = {one.name: reader.facts(one.name, account, window) for one in streams if one.kind == "facts"}
        with _switched_on(stage.world, Fault(kind="unknown_values")):
            reader.accounts()
            for stream in streams:
                if stream.kind == "entities":
                    reader.read(stream.name, account)
                    continue
                found = reader.facts(stream.name, account, window)
                for dataset, rows in before[stream.name].items():
                    again = found[dataset].sorted() if dataset in found else []
                    assert again == rows.sorted(), f"{dataset}: other figures when the answers hold unknown values"
            fired = stage.world.faults.fired
        if not fired:
            pytest.skip(f"not implemented: the fault unknown_values in the sandbox ({ON_PLATFORMS['unknown_values']})")

    # --- authorisation against the sandbox --------------------------------------------------------------------------

    def test_a_person_can_connect(self, reader: Reader, stage: Stage) -> None:
        """Consent page, code, token: the whole way, on the sandbox's own addresses."""
        credential = self._connected(reader, stage)

        connected = Reader(reader.kernel, reader.platform, stage.client(credential))
        assert connected.accounts(), "the new credential reaches no account"
        assert not credential.can_renew or reader.implements("renew"), "can_renew says so, but there is no hook `renew`"

    def test_an_expired_token_is_renewed_and_reading_goes_on(
        self, reader: Reader, stage: Stage, window: v2.DateWindow
    ) -> None:
        """A run of hours outlives its first access token."""
        credential = self._renewable(reader, stage)
        account = next(_with_results(reader, window))
        stream = reader.streams("facts")[0].name
        before = reader.facts(stream, account, window)
        stored: list[v2.Credential] = []
        client = stage.client(credential, on_renewed=stored.append)
        with _switched_on(stage.world, Fault(kind="token_expired", times=1)):
            again = Reader(reader.kernel, reader.platform, client).facts(stream, account, window)
            fired = stage.world.faults.fired
        if not fired:
            pytest.skip("not implemented: the fault token_expired in the sandbox")
        assert len(stored) == 1, f"the token expired once, so it is renewed once and stored, not {len(stored)} times"
        assert stored[0].access_token != credential.access_token, "renewing gave the same access token again"
        same = {name: rows.sorted() for name, rows in again.items()}
        assert same == {name: rows.sorted() for name, rows in before.items()}, f"{stream}: other rows after a renewal"

    def test_a_refresh_token_that_is_refused_asks_for_the_owner(self, reader: Reader, stage: Stage) -> None:
        credential = self._renewable(reader, stage)
        with _switched_on(stage.world, Fault(kind="token_rejected", request_class="token")):
            try:
                reader.kernel.hook(v2.Ads.renew).one(
                    reader.platform, credential=credential, client=stage.client(credential)
                )
            except PlatformError as caught:
                error: PlatformError | None = caught
            else:
                error = None
            fired = stage.world.faults.fired
        if not fired:
            pytest.skip(f"not implemented: the fault token_rejected in the sandbox ({ON_PLATFORMS['token_rejected']})")
        assert error is not None, "the platform refused the refresh token, yet `renew` returned a credential"
        assert error.kind is ErrorKind.RECONNECT, (
            f"a refused refresh token (invalid_grant) is dead for good: raise kind reconnect, not {error.kind!s}"
        )
        _tells_no_secret(_words(error), stage, "the message", credential)

    def test_the_log_tells_no_secret(self, reader: Reader, stage: Stage, window: v2.DateWindow) -> None:
        """Logs are kept, shipped and read by many."""
        self.need(reader, "sandbox")
        account = reader.readable_accounts()[0]
        token = v2.Credential(access_token=stage.world.token(stage.platform))
        known: list[v2.Credential] = []
        with captured_logs() as lines:
            watched = Reader(reader.kernel, reader.platform, stage.client(token))
            for stream in watched.describe().streams:
                watched.read(stream.name, account, window if stream.kind == "facts" else None)
            with pytest.raises(AdjoinError):
                Reader(reader.kernel, reader.platform, stage.client(v2.Credential(access_token=CANARY))).accounts()
            if reader.implements("redeem"):
                known.append(stage.connect())
        assert lines, "nothing was logged at all, so the suite would see no secret either"
        _tells_no_secret("\n".join(lines), stage, "the log", *known)

    def _connected(self, reader: Reader, stage: Stage) -> v2.Credential:
        self.need(reader, "sandbox")
        self.need(reader, "redeem")
        return stage.connect()

    def _renewable(self, reader: Reader, stage: Stage) -> v2.Credential:
        self.need(reader, "renew")
        credential = self._connected(reader, stage)
        if not credential.can_renew:
            pytest.skip("not implemented: renewing without the owner (`Credential.can_renew` is False)")
        return credential


class _switched_on:  # noqa: N801 - reads as a function
    """Faults for the time of a block; what fired is still known inside it."""

    def __init__(self, world: World, *faults: Fault) -> None:
        self._world = world
        self._faults = faults

    def __enter__(self) -> None:
        self._world.faults.clear()
        self._world.faults.add(*self._faults)

    def __exit__(self, *_: object) -> None:
        self._world.faults.clear()


def _with_results(reader: Reader, window: v2.DateWindow) -> Iterator[v2.Account]:
    """The accounts that have rows in the window."""
    stream = reader.streams("facts")[0].name
    for account in reader.readable_accounts():
        if any(facts.rows for facts in reader.facts(stream, account, window).values()):
            yield account


def _long(stream: v2.Stream, window: v2.DateWindow, fault: str) -> v2.DateWindow:
    """A window for which a report is likely to be ordered, where the fault is one of reports."""
    if not fault.startswith("report_"):
        return window
    days = min(stream.max_window_days, 31)
    return v2.DateWindow(since=window.until.fromordinal(window.until.toordinal() - days + 1), until=window.until)


def _meaning(fault: str) -> str:
    return ON_PLATFORMS.get(fault) or EVERYWHERE.get(fault) or EVERYWHERE["status:500"]


def _words(error: BaseException) -> str:
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        said.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "\n".join(said)


def _tells_no_secret(text: str, stage: Stage, where: str, *credentials: v2.Credential) -> None:
    fields = {field.name for field in stage.described.auth.app_fields if field.secret}
    secrets = {
        "an access token": [CANARY, stage.world.token(stage.platform), *(one.access_token for one in credentials)],
        "a refresh token": [
            stage.world.refresh_token(stage.platform),
            *(one.refresh_token for one in credentials),
        ],
        "the app's secret": [stage.app.client_secret],
        **{f"the app's {name}": [value] for name, value in stage.app.extra.items() if name in fields},
    }
    for what, values in secrets.items():
        for value in filter(None, values):
            place = text.find(value)
            assert place < 0, (
                f"{where} holds {what}: ...{text[max(0, place - 80) : place]}<here>. Keep secrets out of addresses and "
                "messages; the client removes those it knows"
            )


async def _refusal(reader: Reader, request: v2.ReadRequest) -> PlatformError | None:
    """Read to the end and return what was raised. AssertionError for a reading that never ends."""

    async def read() -> None:
        async for _ in reader.kernel.stream(v2.Ads.read).stream(reader.platform, request=request, client=reader.client):
            pass

    try:
        await asyncio.wait_for(read(), _PATIENCE)
    except PlatformError as error:
        return error
    except TimeoutError:
        raise AssertionError(f"reading {request.stream} had not ended after {_PATIENCE:.0f} seconds") from None
    return None
