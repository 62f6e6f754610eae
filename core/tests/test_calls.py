"""Calling hooks: every answer has its author, and a plugin that misbehaves harms nobody but itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from textwrap import dedent, indent

import pytest

from adjoin.ads import v2
from adjoin.calls import Results
from adjoin.contract import Contract, ContractVersion, MaybeAsync, hookspec
from adjoin.errors import (
    ErrorKind,
    NotImplementedByPlugin,
    PlatformError,
    PluginBusy,
    PluginError,
    PluginTimeout,
    UnknownName,
    WrongResult,
)
from adjoin.kernel import Kernel
from adjoin.testing.packages import Packages

DEADLINE = 0.3
GENEROUS = 5.0  # far more than the deadline, far less than ten of them and a slow machine


class Toy:
    @hookspec(timeout=DEADLINE)
    def answer(self, question: str, polite: bool = True) -> MaybeAsync[str | None]:
        raise NotImplementedError

    @hookspec(timeout=None)
    def quick(self) -> list[str]:
        raise NotImplementedError

    @hookspec(timeout=DEADLINE)
    def accounts(self) -> MaybeAsync[list[v2.Account]]:
        raise NotImplementedError

    @hookspec(timeout=DEADLINE, stream=True)
    def items(self, count: int) -> AsyncIterator[int]:
        raise NotImplementedError


TOY = Contract(name="toy", versions=(ContractVersion(number=1, spec=Toy),))

Ask = Callable[[Kernel], Results[str | None]]


def ask(kernel: Kernel) -> Results[str | None]:
    return kernel.hook(Toy.answer).all("how?")


def ask_async(kernel: Kernel) -> Results[str | None]:
    return asyncio.run(kernel.hook(Toy.answer).aall("how?"))


both_ways = pytest.mark.parametrize("ask", [ask, ask_async], ids=["all", "aall"])


def install(packages: Packages, name: str, methods: str) -> None:
    """Install a plugin with these methods."""
    source = (
        f"import asyncio, sys\nfrom adjoin.contract import hookimpl\n\nclass Plugin:\n{indent(dedent(methods), '    ')}"
    )
    packages.add(
        f"toy-{name}",
        modules={f"toy_{name}": f"{source}\n\nplugin = Plugin()\n"},
        entry_points={"adjoin.toy.v1": {name: f"toy_{name}:plugin"}},
    )


def load(packages: Packages) -> Kernel:
    return packages.load([TOY], strict=True)


def answers(results: Results[str | None]) -> dict[str, str | None]:
    return {answer.plugin: answer.value for answer in results}


def answering(value: object) -> str:
    return f"@hookimpl\ndef answer(self): return {value!r}"


# --- answers --------------------------------------------------------------------------------------------------------


@both_ways
def test_none_and_empty_answers_keep_their_author(adjoin_packages: Packages, ask: Ask) -> None:
    for name, value in {"none": None, "empty": "", "word": "well"}.items():
        install(adjoin_packages, name, answering(value))

    results = ask(load(adjoin_packages))

    assert answers(results) == {"none": None, "empty": "", "word": "well"}
    assert not results.errors


@both_ways
def test_answers_are_sorted_by_plugin_whatever_the_order_of_loading(adjoin_packages: Packages, ask: Ask) -> None:
    for name in ("zebra", "ant", "mole"):
        install(adjoin_packages, name, answering(name))

    results = ask(load(adjoin_packages))

    assert [answer.plugin for answer in results] == ["ant", "mole", "zebra"]
    assert results.values == ["ant", "mole", "zebra"]
    assert len(results) == 3


def test_nobody_answers_where_nobody_implements_the_hook(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "other", "@hookimpl\ndef quick(self): return []")

    assert len(ask(load(adjoin_packages))) == 0


@pytest.mark.parametrize(
    "method",
    [
        "@hookimpl\ndef answer(self, question): return question.upper()",
        "@hookimpl\nasync def answer(self, question): return question.upper()",
        "async def later(self, q): return q.upper()\n\n@hookimpl\ndef answer(self, polite): return self.later('how?')",
        "@staticmethod\n@hookimpl\ndef answer(question): return question.upper()",
        "@hookimpl\ndef answer(self, polite, question): return question.upper() if polite else ''",
        "@hookimpl\ndef answer(self, question, unknown='x'): return question.upper() if unknown == 'x' else ''",
    ],
    ids=["plain", "async", "plain-that-returns-an-awaitable", "static", "other-order", "unknown-default"],
)
def test_an_implementation_may_be_written_in_many_ways(adjoin_packages: Packages, method: str) -> None:
    install(adjoin_packages, "any", method)
    kernel = load(adjoin_packages)

    assert kernel.hook(Toy.answer).one("any", "how?") == "HOW?"
    assert asyncio.run(kernel.hook(Toy.answer).aone("any", question="how?")) == "HOW?"


def test_two_equal_plugin_objects_are_two_plugins(adjoin_packages: Packages) -> None:
    """pluggy takes equal objects for one, as two instances of a dataclass are."""
    source = """
        from dataclasses import dataclass
        from adjoin.contract import hookimpl

        @dataclass
        class Same:
            @hookimpl
            def answer(self):
                return "me"

        one, other = Same(), Same()
    """
    adjoin_packages.add(
        "toy-same",
        modules={"toy_same": source},
        entry_points={"adjoin.toy.v1": {"one": "toy_same:one", "other": "toy_same:other"}},
    )

    assert answers(ask(load(adjoin_packages))) == {"one": "me", "other": "me"}


def test_a_misspelt_argument_of_the_caller_is_an_error(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "any", answering("yes"))

    with pytest.raises(TypeError, match="plite"):
        load(adjoin_packages).hook(Toy.answer).one("any", "how?", plite=True)  # type: ignore[call-arg]


def test_asking_for_someone_who_is_not_there_names_those_who_are(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "here", answering("yes"))

    with pytest.raises(UnknownName, match=r"no toy plugin 'there'; loaded are: here"):
        load(adjoin_packages).hook(Toy.answer).one("there", "how?")


def test_an_optional_hook_that_is_not_there_has_its_own_error(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "here", answering("yes"))

    with pytest.raises(NotImplementedByPlugin, match="plugin 'here' does not implement toy hook 'quick'"):
        load(adjoin_packages).hook(Toy.quick).one("here")


# --- what goes wrong at call ----------------------------------------------------------------------------------------

BAD = {
    "raise ValueError('no luck')": "plugin 'bad' raised ValueError in answer: no luck",
    "raise SystemExit(3)": "plugin 'bad' tried to end the process (sys.exit(3)) in answer",
    "sys.exit()": "plugin 'bad' tried to end the process (sys.exit(None)) in answer",
    "raise asyncio.CancelledError": "plugin 'bad' raised CancelledError in answer: no message",
    "raise KeyboardInterrupt": "plugin 'bad' raised KeyboardInterrupt in answer: no message",
    "raise GeneratorExit": "plugin 'bad' raised GeneratorExit in answer: no message",
    "raise TimeoutError('mine')": "plugin 'bad' raised TimeoutError in answer: mine",
    "raise BaseExceptionGroup('many', [SystemExit(1)])": "plugin 'bad' raised BaseExceptionGroup in answer: many",
}


@both_ways
@pytest.mark.parametrize("colour", ["def", "async def"])
@pytest.mark.parametrize(("body", "message"), BAD.items(), ids=BAD)
def test_whatever_a_plugin_raises_becomes_its_error_and_the_others_answer(
    adjoin_packages: Packages, ask: Ask, colour: str, body: str, message: str
) -> None:
    install(adjoin_packages, "bad", f"@hookimpl\n{colour} answer(self): {body}")
    install(adjoin_packages, "good", answering("fine"))

    results = ask(load(adjoin_packages))

    assert answers(results) == {"good": "fine"}
    (error,) = results.errors.values()
    assert str(error).startswith(message)
    assert isinstance(error, PluginError)
    assert error.plugin == "bad"
    assert error.__cause__ is not None


@both_ways
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_stop_iteration_is_an_error_like_any_other(adjoin_packages: Packages, ask: Ask, colour: str) -> None:
    """It cannot be carried by a future, and a coroutine turns it into a RuntimeError."""
    install(adjoin_packages, "bad", f"@hookimpl\n{colour} answer(self): raise StopIteration(1)")
    install(adjoin_packages, "good", answering("fine"))

    results = ask(load(adjoin_packages))

    assert answers(results) == {"good": "fine"}
    assert "StopIteration" in str(results.errors["bad"])


@pytest.mark.parametrize("body", [body for body in BAD if "KeyboardInterrupt" not in body])
def test_an_inline_hook_is_guarded_too(adjoin_packages: Packages, body: str) -> None:
    install(adjoin_packages, "bad", f"@hookimpl\ndef quick(self): {body}")
    install(adjoin_packages, "good", "@hookimpl\ndef quick(self): return ['fine']")

    results = load(adjoin_packages).hook(Toy.quick).all()

    assert [answer.plugin for answer in results] == ["good"]
    assert list(results.errors) == ["bad"]


def test_ctrl_c_passes_through_an_inline_hook(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "bad", "@hookimpl\ndef quick(self): raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load(adjoin_packages).hook(Toy.quick).all()


def test_what_the_platform_says_passes_as_it_is(adjoin_packages: Packages) -> None:
    install(
        adjoin_packages,
        "bad",
        """
        @hookimpl
        async def answer(self):
            from adjoin.errors import ErrorKind, PlatformError
            raise PlatformError("slow down", kind=ErrorKind.WAIT, code="17")
        """,
    )

    with pytest.raises(PlatformError, match="slow down") as caught:
        load(adjoin_packages).hook(Toy.answer).one("bad", "how?")

    assert (caught.value.kind, caught.value.code) == (ErrorKind.WAIT, "17")


HANGS = {
    "plain": "@hookimpl\ndef answer(self):\n    import gate; gate.wait()",
    "async": "@hookimpl\nasync def answer(self):\n    await asyncio.Event().wait()",
    "async that blocks its loop": "@hookimpl\nasync def answer(self):\n    import gate; gate.wait()",
    "async that ignores cancellation": """
        @hookimpl
        async def answer(self):
            import gate
            while not await asyncio.to_thread(gate.wait, 0.01):
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        """,
    "awaitable of a plain function": """
        @hookimpl
        def answer(self):
            return asyncio.Event().wait()
        """,
}


@both_ways
@pytest.mark.parametrize("method", HANGS.values(), ids=HANGS)
def test_a_hang_costs_the_caller_the_deadline_and_no_more(adjoin_packages: Packages, ask: Ask, method: str) -> None:
    adjoin_packages.add_gate()
    install(adjoin_packages, "hung", method)
    kernel = load(adjoin_packages)

    started = time.monotonic()
    results = ask(kernel)

    assert DEADLINE <= time.monotonic() - started < GENEROUS
    error = results.errors["hung"]
    assert isinstance(error, PluginTimeout)
    assert str(error) == "plugin 'hung' gave no answer to answer within 0.3 s"


@both_ways
@pytest.mark.parametrize("method", HANGS.values(), ids=HANGS)
def test_of_ten_plugins_one_hangs_nine_answer_within_the_deadline(
    adjoin_packages: Packages, ask: Ask, method: str
) -> None:
    """The hung one comes first in the order of answers; nobody waits behind it."""
    adjoin_packages.add_gate()
    install(adjoin_packages, "a_hung", method)
    for number in range(9):
        colour = "async def" if number % 2 else "def"
        install(adjoin_packages, f"n{number}", f"@hookimpl\n{colour} answer(self): return '{number}'")
    kernel = load(adjoin_packages)

    started = time.monotonic()
    results = ask(kernel)

    assert time.monotonic() - started < GENEROUS
    assert answers(results) == {f"n{number}": str(number) for number in range(9)}
    assert list(results.errors) == ["a_hung"]


@both_ways
def test_several_hung_plugins_share_one_deadline(adjoin_packages: Packages, ask: Ask) -> None:
    adjoin_packages.add_gate()
    for number in range(20):
        install(adjoin_packages, f"hung{number}", HANGS["plain"])
    kernel = load(adjoin_packages)

    started = time.monotonic()
    results = ask(kernel)

    assert time.monotonic() - started < 20 * DEADLINE / 2
    assert len(results.errors) == 20


# --- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("42", "plugin 'bad' returned what Toy.answer does not allow: the value: input should be a valid string"),
        ("b'bytes'", "input should be a valid string"),
        ("['list']", "input should be a valid string"),
    ],
)
def test_a_wrong_result_names_plugin_hook_and_fault(adjoin_packages: Packages, value: str, complaint: str) -> None:
    install(adjoin_packages, "bad", f"@hookimpl\ndef answer(self): return {value}")

    with pytest.raises(WrongResult) as caught:
        load(adjoin_packages).hook(Toy.answer).one("bad", "how?")

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("None", "should be a valid list"),
        ("'no list'", "should be a valid list"),
        ("({},)", "should be a valid list"),
        ("[{'id': '1'}]", "0: "),
        ("[account(id=7)]", "0.id: input should be a valid string"),
        ("[account(), account(status='active')]", "1.status: "),
        ("[account(readable=1)]", "0.readable: input should be a valid boolean"),
        ("[account(extra={'a': 1})]", "0.extra.a: input should be a valid string"),
        ("[account(id=1, name=2)]", "(and 1 more)"),
    ],
)
def test_a_wrong_field_inside_a_payload_is_found(adjoin_packages: Packages, value: str, complaint: str) -> None:
    method = f"""
    @hookimpl
    def accounts(self):
        from adjoin.ads.v2 import Account

        def account(**changes):
            return Account(**{{"id": "1", "name": "One", "currency": "EUR", "time_zone": "UTC"}} | changes)

        return {value}
    """
    install(adjoin_packages, "bad", method)

    results = load(adjoin_packages).hook(Toy.accounts).all()

    assert isinstance(results.errors["bad"], WrongResult)
    assert complaint in str(results.errors["bad"])


def test_a_complaint_does_not_repeat_what_was_returned(adjoin_packages: Packages) -> None:
    """It may be a secret."""
    install(adjoin_packages, "bad", "@hookimpl\ndef answer(self): return b'canary-7f3a'")

    with pytest.raises(WrongResult) as caught:
        load(adjoin_packages).hook(Toy.answer).one("bad", "how?")

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_coroutine_from_an_inline_hook_is_a_wrong_result(adjoin_packages: Packages) -> None:
    install(
        adjoin_packages, "bad", "async def later(self): return []\n\n@hookimpl\ndef quick(self): return self.later()"
    )

    with pytest.raises(WrongResult, match="should be a valid list"):
        load(adjoin_packages).hook(Toy.quick).one("bad")


# --- slots ----------------------------------------------------------------------------------------------------------


def test_a_plugin_whose_slots_are_all_hung_is_busy_at_once_and_the_others_work(adjoin_packages: Packages) -> None:
    adjoin_packages.add_gate()
    install(adjoin_packages, "hung", HANGS["plain"])
    install(adjoin_packages, "good", answering("fine"))
    kernel = load(adjoin_packages)

    async def fill() -> None:
        hook = kernel.hook(Toy.answer)
        errors = await asyncio.gather(*(hook.aone("hung", "how?") for _ in range(16)), return_exceptions=True)
        assert {type(error) for error in errors} == {PluginTimeout}

    asyncio.run(fill())
    started = time.monotonic()
    results = ask(kernel)

    assert time.monotonic() - started < DEADLINE, "busy is said at once"
    assert answers(results) == {"good": "fine"}
    assert isinstance(results.errors["hung"], PluginBusy)
    assert "16 calls have not come back, so answer was not started" in str(results.errors["hung"])


def test_cancelled_coroutines_free_their_slots(adjoin_packages: Packages) -> None:
    """Three times as many hung calls as there are slots, one after another."""
    install(adjoin_packages, "hung", HANGS["async"])
    kernel = load(adjoin_packages)

    async def fill() -> list[BaseException | str | None]:
        hook = kernel.hook(Toy.answer)
        return await asyncio.gather(*(hook.aone("hung", "how?") for _ in range(16)), return_exceptions=True)

    for _ in range(3):
        assert PluginTimeout in {type(error) for error in asyncio.run(fill())}
        assert comes_back(kernel)


def comes_back(kernel: Kernel) -> bool:
    """Whether the plugin soon takes calls again; being refused takes no time, so this only spins."""
    end = time.monotonic() + GENEROUS
    while time.monotonic() < end:
        try:
            kernel.hook(Toy.answer).one("hung", "how?")
        except PluginBusy:
            continue
        except PluginTimeout:
            return True
    return False


def test_a_caller_that_is_cancelled_takes_the_plugins_coroutine_with_it(adjoin_packages: Packages) -> None:
    install(
        adjoin_packages,
        "slow",
        """
        def __init__(self):
            import threading
            self.begun, self.ended = threading.Event(), threading.Event()

        @hookimpl
        async def answer(self):
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        """,
    )
    install(adjoin_packages, "zz_last", HANGS["async"])
    kernel = load(adjoin_packages)
    from toy_slow import plugin  # type: ignore[import-not-found]

    async def cancel() -> None:
        task = asyncio.create_task(kernel.hook(Toy.answer).aall("how?"))
        await asyncio.to_thread(plugin.begun.wait, GENEROUS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(plugin.ended.wait, GENEROUS)

    asyncio.run(cancel())


# --- streams --------------------------------------------------------------------------------------------------------


async def read(kernel: Kernel, plugin: str, count: int = 5) -> list[int]:
    return [item async for item in kernel.stream(Toy.items).stream(plugin, count)]


async def read_to_error(kernel: Kernel, plugin: str) -> tuple[list[int], PluginError | None]:
    """Read three items and what goes wrong after them."""
    got: list[int] = []
    try:
        async for item in kernel.stream(Toy.items).stream(plugin, 3):
            got.append(item)  # noqa: PERF401 - what came before the error counts
    except PluginError as error:
        return got, error
    return got, None


COUNTING = """
    @hookimpl
    async def items(self, count):
        for number in range(count):
            yield number
"""


def test_batches_come_in_order(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "good", COUNTING)

    assert asyncio.run(read(load(adjoin_packages), "good", 100)) == list(range(100))


def test_a_plain_function_may_return_an_async_iterator(adjoin_packages: Packages) -> None:
    install(
        adjoin_packages,
        "good",
        COUNTING.replace("items", "_count").replace("@hookimpl", "")
        + """
    @hookimpl
    def items(self, count):
        return self._count(count)
    """,
    )

    assert asyncio.run(read(load(adjoin_packages), "good")) == [0, 1, 2, 3, 4]


RECORDING = """
    import threading
    log, begun = [], threading.Event()

    @hookimpl
    async def items(self, count):
        try:
            for number in range(count):
                self.log.append(number)
                self.begun.set()
                yield number
        finally:
            await asyncio.sleep(0)
            self.log.append("closed")
"""


def test_leaving_early_closes_the_plugins_generator(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "good", RECORDING)
    kernel = load(adjoin_packages)

    async def leave() -> None:
        items = kernel.stream(Toy.items).stream("good", 1000)
        async for item in items:
            if item == 2:
                break
        await items.aclose()

    asyncio.run(leave())

    from toy_good import plugin  # type: ignore[import-not-found]

    assert plugin.log[-1] == "closed"


def test_at_most_one_batch_is_worked_on_ahead(adjoin_packages: Packages) -> None:
    """So that memory stays bounded when storing is slower than fetching."""
    install(adjoin_packages, "good", RECORDING)
    kernel = load(adjoin_packages)
    from toy_good import plugin

    async def slowly() -> None:
        async for item in kernel.stream(Toy.items).stream("good", 20):
            for _ in range(50):
                await asyncio.sleep(0)  # gives the plugin every chance to run ahead
            assert max(number for number in plugin.log if number != "closed") <= item + 1

    asyncio.run(slowly())


def test_an_exception_in_the_middle_comes_after_the_items_before_it(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "bad", COUNTING + "        raise ValueError('no luck')\n")

    got, error = asyncio.run(read_to_error(load(adjoin_packages), "bad"))

    assert got == [0, 1, 2]
    assert type(error) is PluginError
    assert str(error) == "plugin 'bad' raised ValueError in items: no luck"


@pytest.mark.parametrize(
    "error", ["SystemExit(1)", "asyncio.CancelledError()", "KeyboardInterrupt()", "StopIteration()"]
)
def test_nothing_that_is_raised_in_a_stream_hangs_the_reader(adjoin_packages: Packages, error: str) -> None:
    install(adjoin_packages, "bad", COUNTING + f"        raise {error}\n")

    with pytest.raises(PluginError) as caught:
        asyncio.run(read(load(adjoin_packages), "bad", 1))

    assert not isinstance(caught.value, PluginTimeout)


def test_what_the_platform_says_in_a_stream_passes_with_its_kind(adjoin_packages: Packages) -> None:
    raising = """
        from adjoin.errors import ErrorKind, PlatformError
        raise PlatformError("too much", kind=ErrorKind.SPLIT)
"""
    install(adjoin_packages, "bad", COUNTING + raising)

    with pytest.raises(PlatformError, match="too much") as caught:
        asyncio.run(read(load(adjoin_packages), "bad", 1))

    assert caught.value.kind is ErrorKind.SPLIT


def test_a_wrong_item_is_refused_and_the_generator_closed(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "bad", RECORDING.replace("yield number", "yield str(number)"))

    with pytest.raises(WrongResult, match=r"plugin 'bad' yielded str in Toy\.items, expected int"):
        asyncio.run(read(load(adjoin_packages), "bad"))

    from toy_bad import plugin  # type: ignore[import-not-found]

    assert plugin.log[-1] == "closed"


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("def items(self): return [1, 2]", "returned list from items, expected an async iterator"),
        ("def items(self): return None", "returned NoneType from items, expected an async iterator"),
        ("def items(self): return self.later()", "returned coroutine from items, expected an async iterator"),
        ("def items(self): raise ValueError('at once')", "raised ValueError in items: at once"),
    ],
)
def test_what_is_no_stream_is_refused_at_once(adjoin_packages: Packages, method: str, complaint: str) -> None:
    install(adjoin_packages, "bad", f"async def later(self): return 1\n\n@hookimpl\n{method}")

    with pytest.raises(PluginError) as caught:
        asyncio.run(read(load(adjoin_packages), "bad"))

    assert complaint in str(caught.value)


@pytest.mark.parametrize("hang", ["await asyncio.Event().wait()", "import gate; gate.wait()"], ids=["awaits", "blocks"])
def test_a_hang_between_items_costs_the_deadline_of_one_item(
    adjoin_packages: Packages, hang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjoin.lanes._CLOSING_GRACE", 0.1)
    adjoin_packages.add_gate()
    install(adjoin_packages, "hung", COUNTING + f"        {hang}\n")

    kernel = load(adjoin_packages)

    started = time.monotonic()
    got, error = asyncio.run(read_to_error(kernel, "hung"))

    assert time.monotonic() - started < GENEROUS
    assert got == [0, 1, 2]
    assert isinstance(error, PluginTimeout)
    assert str(error) == "plugin 'hung' gave no batch in items within 0.3 s"


def test_the_deadline_counts_for_each_item_not_for_the_whole_stream(adjoin_packages: Packages) -> None:
    """Storing takes longer than the deadline here, which is none of the plugin's business."""
    install(adjoin_packages, "good", COUNTING)

    async def slowly() -> int:
        total = 0
        async for item in load(adjoin_packages).stream(Toy.items).stream("good", 3):
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            loop.call_later(DEADLINE * 1.2, done.set_result, None)
            await done
            total += item
        return total

    assert asyncio.run(slowly()) == 3


def test_a_reader_that_is_cancelled_closes_the_plugins_generator(adjoin_packages: Packages) -> None:
    install(adjoin_packages, "good", RECORDING.replace("yield number", "yield number; await asyncio.Event().wait()"))
    kernel = load(adjoin_packages)
    from toy_good import plugin

    async def cancel() -> None:
        reading = asyncio.create_task(read(kernel, "good"))
        await asyncio.to_thread(plugin.begun.wait, GENEROUS)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(cancel())

    assert plugin.log[-1] == "closed"
