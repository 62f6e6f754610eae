"""Answers made to hurt: bombs, drips, floods and lies are cut off within bounds of bytes, memory and time."""

from __future__ import annotations

import asyncio
import functools
import gzip
import itertools
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin.outgoing.fetch import Bounds

URL = "http://pub.test/"


@functools.cache
def bomb(size: int) -> bytes:
    """Zeros by gzip: a thousandth of what they unfold to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(2**20)
    return b"".join([packer.compress(zeros) for _ in range(size // 2**20)] + [packer.flush()])


async def slowly(pieces: Iterator[bytes], each: float) -> AsyncIterator[bytes]:
    """Every piece well before any single wait is over."""
    for piece in pieces:
        await asyncio.sleep(each)
        yield piece


class TestSize:
    def test_up_to_the_bound(self, net, answers, small) -> None:
        """To the byte, with an announced length and without."""
        net.serve("pub.test", answers.answer(b"x" * 100_000))
        assert len(net.get(URL, bounds=small).body) == 100_000
        net.serve("pub.test", [answers.head(), answers.chunk(b"x" * 100_000), b"0\r\n\r\n"])
        assert len(net.get(URL, bounds=small).body) == 100_000

    def test_one_byte_more(self, net, answers, small) -> None:
        net.serve("pub.test", [answers.head(), answers.chunk(b"x" * 100_001), b"0\r\n\r\n"])
        error = net.refused(URL, bounds=small)
        assert str(error) == "The answer of http://pub.test is larger than 100,000 bytes"
        assert error.reason is Reason.TOO_LARGE

    @pytest.mark.parametrize("length", [100_001, 10**12, 10**19])
    def test_an_announced_length_is_enough(self, net, answers, small, length: int) -> None:
        """Nothing of the body is waited for."""
        net.serve("pub.test", [*answers.answer(length=length)])
        assert net.refused(URL, bounds=small).reason is Reason.TOO_LARGE

    @pytest.mark.parametrize("announced", [False, True])
    def test_what_is_sent_has_a_bound_of_its_own(self, net, answers, announced: bool) -> None:
        """However much it might unfold to."""
        body = [answers.head(), answers.chunk(b"x" * 1001), b"0\r\n\r\n"]
        net.serve("pub.test", answers.answer(b"x" * 1001) if announced else body)
        error = net.refused(URL, bounds=Bounds(raw_bytes=1000, body_bytes=100_000))
        assert (error.reason, "1,000 bytes" in str(error)) == (Reason.TOO_LARGE, True)

    def test_chunks_without_end(self, net, answers, small) -> None:
        """Reading stops at the bound, give or take what was read at once."""
        net.serve("pub.test", lambda _: itertools.chain([answers.head()], itertools.repeat(answers.chunk(bytes(8192)))))
        assert net.refused(URL, bounds=small).reason is Reason.TOO_LARGE
        assert net.connections[0].read_bytes < 100_000 + 2 * 65_536

    def test_a_body_without_length_or_end(self, net, small) -> None:
        """As HTTP/1.0 sends them: until the connection closes, which it does not."""
        net.serve("pub.test", lambda _: itertools.chain([b"HTTP/1.0 200 OK\r\n\r\n"], itertools.repeat(bytes(8192))))
        assert net.refused(URL, bounds=small).reason is Reason.TOO_LARGE

    def test_chunk_marks_without_end(self, net, answers) -> None:
        """Chunks of one byte with long extensions hold almost no body; what arrives is bounded all the same."""
        tiny = b"1;" + b"e" * 4000 + b"\r\nx\r\n"
        net.serve("pub.test", lambda _: itertools.chain([answers.head()], itertools.repeat(tiny)))
        assert net.refused(URL, bounds=Bounds(raw_bytes=100_000)).reason is Reason.DAMAGED
        assert net.connections[0].read_bytes < 128 * 1024 + 2 * 100_000 + 2 * 65_536

    def test_endless_trailers(self, net, answers) -> None:
        """Headers behind the body count too."""
        trailers = (b"X-%d: %s\r\n" % (number, b"t" * 500) for number in itertools.count())
        net.serve("pub.test", lambda _: itertools.chain([answers.head(), answers.chunk(b"x"), b"0\r\n"], trailers))
        assert net.refused(URL).reason is Reason.DAMAGED


class TestCompression:
    def test_gzip(self, net, answers) -> None:
        net.serve("pub.test", answers.answer(gzip.compress(b"hello " * 1000), "Content-Encoding: gzip"))
        assert net.get(URL).body == b"hello " * 1000
        assert net.asked[0].headers["accept-encoding"] == "gzip"

    def test_in_pieces_of_any_size(self, net, answers) -> None:
        """Wherever the network cuts it."""
        packed = gzip.compress(bytes(range(256)) * 40)
        for size in (1, 7, 1000):
            pieces = [answers.chunk(packed[at : at + size]) for at in range(0, len(packed), size)]
            net.serve("pub.test", [answers.head("Content-Encoding: X-GZIP"), *pieces, b"0\r\n\r\n"])
            assert net.get(URL).body == bytes(range(256)) * 40

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_bomb(self, net, answers, chunked: bool) -> None:
        """200 MB in 200 KB unfold no further than the bound: memory stays within a few megabytes."""
        packed = bomb(200 * 2**20)
        assert len(packed) < 300_000
        if chunked:
            net.serve("pub.test", [answers.head("Content-Encoding: gzip"), answers.chunk(packed), b"0\r\n\r\n"])
        else:
            net.serve("pub.test", answers.answer(packed, "Content-Encoding: gzip"))
        tracemalloc.start()
        try:
            error = net.refused(URL)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert error.reason is Reason.TOO_LARGE
        assert peak < 16 * 2**20

    def test_the_bound_is_exact(self, net, answers) -> None:
        bounds = Bounds(body_bytes=10_000)
        net.serve("pub.test", answers.answer(gzip.compress(bytes(10_000)), "Content-Encoding: gzip"))
        assert net.get(URL, bounds=bounds).body == bytes(10_000)
        net.serve("pub.test", answers.answer(gzip.compress(bytes(10_001)), "Content-Encoding: gzip"))
        assert net.refused(URL, bounds=bounds).reason is Reason.TOO_LARGE

    @pytest.mark.parametrize(
        "encoding",
        [
            "br", "zstd", "deflate", "compress", "gzip, gzip", "gzip,gzip,gzip", "identity, gzip",
            "gzip\r\nContent-Encoding: gzip", "gzip;q=1", "unknown", "x-gzip, br",
        ],
    )  # fmt: skip
    def test_what_was_not_asked_for(self, net, answers, encoding: str) -> None:
        """Other kinds and layers of them are refused before a byte is unfolded."""
        packed = gzip.compress(gzip.compress(b"x"))
        net.serve("pub.test", answers.answer(packed, f"Content-Encoding: {encoding}"))
        error = net.refused(URL)
        assert error.reason is Reason.DAMAGED
        assert "encoded in a way that was not asked for" in str(error)

    def test_a_second_layer_stays_folded(self, net, answers) -> None:
        """Said once, unfolded once."""
        net.serve("pub.test", answers.answer(gzip.compress(gzip.compress(b"x")), "Content-Encoding: gzip"))
        assert gzip.decompress(net.get(URL).body) == b"x"

    def test_what_follows_the_end_is_left(self, net, answers) -> None:
        """As browsers do: padding, or a second member without end."""
        packed = gzip.compress(b"hello")
        rest = itertools.repeat(answers.chunk(gzip.compress(b"")))
        net.serve(
            "pub.test",
            lambda _: itertools.chain([answers.head("Content-Encoding: gzip"), answers.chunk(packed)], rest),
        )
        assert net.get(URL).body == b"hello"

    @pytest.mark.parametrize(
        "packed",
        [b"not gzip at all", gzip.compress(b"hello" * 99, mtime=0)[:-9], b"\x1f\x8b", zlib.compress(b"a")],
        ids=["other", "cut", "short", "zlib"],
    )
    def test_damaged(self, net, answers, packed: bytes) -> None:
        """Another format under its name, or cut short."""
        net.serve("pub.test", answers.answer(packed, "Content-Encoding: gzip"))
        error = net.refused(URL)
        assert str(error) == "The answer of http://pub.test cannot be read: its compression is damaged"
        assert error.reason is Reason.DAMAGED

    def test_a_bomb_in_the_transfer(self, net) -> None:
        """Compression of the transfer is no HTTP that we speak."""
        net.serve("pub.test", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"])
        assert net.refused(URL).reason is Reason.UNREACHABLE

    @pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
    def test_no_body(self, net, status: str) -> None:
        """Also where a compression is announced."""
        net.serve("pub.test", [f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n".encode()])
        assert net.get(URL).body == b""


class TestLies:
    @pytest.mark.parametrize(
        "pieces",
        [
            [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFFFFFFF\r\nhello"],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n"],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"],
        ],
    )
    def test_a_body_that_is_not_what_its_head_says(self, net, pieces: list[bytes]) -> None:
        """Cut short, or with marks that are none."""
        net.serve("pub.test", pieces)
        error = net.refused(URL)
        assert str(error) == "The answer of http://pub.test cannot be read: it broke off or is malformed"
        assert error.reason is Reason.DAMAGED

    def test_more_than_was_announced_is_left(self, net) -> None:
        net.serve("pub.test", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more"])
        assert net.get(URL).body == b"hello"

    @pytest.mark.parametrize(
        "head",
        [
            b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: -5", b"Content-Length: 5 5",
            b"Content-Length: 0x5", b"Content-Length: " + b"9" * 300,
            b"Transfer-Encoding: chunked, chunked", b"Bad Header: x", b"X: \x00",
            b"no colon", b": empty",
        ],
    )  # fmt: skip
    def test_a_head_that_can_be_read_in_two_ways(self, net, head: bytes) -> None:
        net.serve("pub.test", [b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nhello"])
        assert net.refused(URL).reason is Reason.UNREACHABLE

    @pytest.mark.parametrize(
        "start",
        [
            b"", b"\r\n" * 9, b"hello\r\n\r\n", b"HTTP/1.1 99\r\n\r\n", b"HTTP/2 200\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00",
        ],
    )  # fmt: skip
    def test_no_http(self, net, start: bytes) -> None:
        net.serve("pub.test", [start])
        assert net.refused(URL).reason is Reason.UNREACHABLE


class TestFloods:
    """Heads are bounded as well."""

    @pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
    def test_interim_answers_without_end(self, net, status: str) -> None:
        """They stop being read after 128 KB."""
        interim = f"HTTP/1.1 {status}\r\nLink: </x>\r\n\r\n".encode()
        net.serve("pub.test", lambda _: itertools.repeat(interim * 100))
        assert net.refused(URL).reason is Reason.UNREACHABLE
        assert net.connections[0].read_bytes < 3 * 65_536

    def test_a_few_interim_answers_are_fine(self, net, answers) -> None:
        net.serve("pub.test", [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3, *answers.answer(b"done")])
        assert net.get(URL).body == b"done"

    @pytest.mark.parametrize("line", [b"X-%d: value\r\n", b"X-%d: " + b"v" * 3000 + b"\r\n"])
    def test_headers_without_end(self, net, line: bytes) -> None:
        lines = (line % number for number in itertools.count())
        net.serve("pub.test", lambda _: itertools.chain([b"HTTP/1.1 200 OK\r\n"], lines))
        assert net.refused(URL).reason is Reason.UNREACHABLE
        assert net.connections[0].read_bytes < 3 * 65_536

    def test_a_line_without_end(self, net) -> None:
        net.serve("pub.test", lambda _: itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.repeat(b"v" * 4096)))
        assert net.refused(URL).reason is Reason.UNREACHABLE

    def test_a_large_head_is_fine(self, net, answers) -> None:
        """Some sites send policies of tens of kilobytes."""
        net.serve("pub.test", answers.answer(b"done", f"Content-Security-Policy: {'p' * 60_000}"))
        assert net.get(URL).body == b"done"

    def test_others_have_their_turn(self, net, answers) -> None:
        """A body in crumbs that are all there at once does not hold up the event loop."""
        crumbs = b"1\r\nx\r\n" * 5000
        net.serve("pub.test", [answers.head() + crumbs, b"0\r\n\r\n"])
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async def both() -> bytes:
            beside = asyncio.create_task(others())
            fetched = await net.client().get(URL)
            beside.cancel()
            return fetched.body

        assert asyncio.run(both()) == b"x" * 5000
        assert turns > 30


class TestTime:
    """One bound for everything, however busily a server drips."""

    def test_a_drip(self, net, answers) -> None:
        """Each byte comes in time, the whole never does."""
        drips = itertools.chain([answers.head()], itertools.repeat(answers.chunk(b"x")))
        net.serve("pub.test", lambda _: slowly(drips, 0.01))
        begun = time.monotonic()
        error = net.refused(URL, bounds=Bounds(total=timedelta(seconds=0.2)))
        assert str(error) == "The answer of http://pub.test did not arrive in time"
        assert error.reason is Reason.TOO_SLOW
        assert time.monotonic() - begun < 5  # the bound of a single wait

    def test_a_drip_of_headers(self, net) -> None:
        lines = itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X: y\r\n"))
        net.serve("pub.test", lambda _: slowly(lines, 0.01))
        assert net.refused(URL, bounds=Bounds(total=timedelta(seconds=0.2))).reason is Reason.UNREACHABLE

    def test_redirects_share_the_time(self, net, answers) -> None:
        """Each hop is small enough by itself."""
        net.serve("pub.test", lambda asked: slowly(iter(answers.redirect(f"{asked.target}a")), 0.1))
        bounds = Bounds(total=timedelta(seconds=0.25), redirects=50)
        assert net.refused(URL, bounds=bounds).reason is Reason.UNREACHABLE
        assert len(net.dialled) < 5

    @pytest.mark.parametrize("where", ["name", "connection", "head", "body"])
    def test_silence(self, net, answers, where: str) -> None:
        """Whoever keeps quiet is given up after `step`, wherever it is."""
        forever = asyncio.Event()

        async def quiet(*_args: object) -> list[str]:
            try:
                await asyncio.wait_for(forever.wait(), 5)
            except TimeoutError:
                raise AssertionError("nobody gave up") from None
            return []

        async def site(_asked: object) -> AsyncIterator[bytes]:
            if where == "body":
                yield answers.head()
            await forever.wait()

        net.serve("pub.test", site)
        if where == "name":
            net.resolve = quiet
        if where == "connection":
            dial = net.connect

            async def connect(address: str, port: int, seconds: float) -> object:
                await dial(address, port, seconds)
                async with asyncio.timeout(seconds):
                    return await quiet()

            net.connect = connect
        error = net.refused(URL, bounds=Bounds(step=timedelta(seconds=0.3)))
        assert error.reason is (Reason.TOO_SLOW if where == "body" else Reason.UNREACHABLE)
        for connection in net.connections if where == "connection" else []:
            connection.closed = True  # it was never handed over

    def test_a_caller_that_gives_up_leaves_nothing_open(self, net, answers) -> None:
        """Cancelling from outside is passed on, not turned into an error of the address."""

        async def impatient() -> None:
            reading = asyncio.Event()

            async def site(_: object) -> AsyncIterator[bytes]:
                yield answers.head()
                reading.set()
                await asyncio.Event().wait()

            net.serve("pub.test", site)
            asked = asyncio.create_task(net.client().get(URL))
            await reading.wait()
            asked.cancel()
            await asked

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(impatient())
        assert [connection.closed for connection in net.connections] == [True]


@pytest.mark.parametrize("bad", [{"total": timedelta(0)}, {"step": timedelta(-1)}, {"raw_bytes": 0}, {"redirects": -1}])
def test_bounds_make_sense(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="bounds must be positive"):
        Bounds(**bad)


def test_errors_are_of_one_kind() -> None:
    """A caller catches one class and looks at its reason."""
    assert {str(reason) for reason in Reason} == {
        "bad_url", "bad_request", "unreachable", "redirect", "wrong_type", "too_large", "too_slow", "damaged",
    }  # fmt: skip
    assert OutgoingError("x", reason=Reason.DAMAGED).reason is Reason.DAMAGED
