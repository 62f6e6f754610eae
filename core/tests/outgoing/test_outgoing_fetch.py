"""The client for addresses that people enter: what it sends, follows, takes and returns."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import pytest

from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin.outgoing.fetch import Bounds, Fetched, Hop

PUBLIC, OTHER, PUBLIC_6 = "93.184.215.14", "151.101.1.69", "2606:2800:21f:cb07::1"
CANARY = "canary-7f3a9c"


def post(net, url: str, body: bytes = b"{}", **options: object) -> Fetched:
    return asyncio.run(net.client().post(url, body, content_type="application/json", **options))


class TestAsking:
    def test_a_page(self, net, answers) -> None:
        """Status, type, headers, body and the way there."""
        net.serve("pub.test", answers.answer(b"<p>hi", "Content-Type: Text/HTML; charset=UTF-8", "X-A: 1", "X-A: 2"))
        page = net.get("http://pub.test/a?b=c#d", accept=["text/html"])
        assert (page.status, page.content_type, page.charset, page.text) == (200, "text/html", "utf-8", "<p>hi")
        assert page.headers["x-a"] == "1, 2"
        assert page.hops == (Hop(url="http://pub.test/a?b=c#d", status=200),)
        assert page.url == "http://pub.test/a?b=c#d"

    def test_what_is_sent(self, net, answers) -> None:
        """Nothing that identifies but the program's name; the fragment stays here."""
        net.serve("pub.test", answers.answer(b"", "Content-Type: image/png"))
        net.get("http://pub.test/a?b=c#d", accept=["text/html", "image/*"])
        asked = net.asked[0]
        assert (asked.method, asked.target, asked.body) == ("GET", "/a?b=c", b"")
        assert asked.headers == {
            "host": "pub.test",
            "accept": "text/html, image/*",
            "accept-encoding": "gzip",
            "user-agent": f"adjoin/{version('adjoin')}",
            "connection": "close",
        }

    def test_tls_is_for_the_name(self, net, answers) -> None:
        """The address is dialled, the certificate must be the name's."""
        net.serve("pub.test", answers.answer(b"x"))
        net.get("https://pub.test/")
        assert (net.asked[0].tls, net.asked[0].address, net.asked[0].port) == ("pub.test", PUBLIC, 443)
        assert net.asked[0].headers["host"] == "pub.test"

    def test_an_international_name(self, net, answers) -> None:
        net.serve("xn--mnchen-3ya.example", answers.answer(b"x"))
        assert net.get("https://münchen.example/ü").status == 200
        assert (net.asked[0].tls, net.asked[0].target) == ("xn--mnchen-3ya.example", "/%C3%BC")

    def test_a_literal_address(self, net, answers) -> None:
        """No name is looked up for it."""
        net.sites[PUBLIC_6] = lambda _asked: answers.answer(b"x")
        assert net.get(f"http://[{PUBLIC_6}]/").status == 200
        assert (net.resolved, net.asked[0].headers["host"]) == ([], f"[{PUBLIC_6}]")

    def test_posting(self, net, answers) -> None:
        """The body goes out as it is, with its type and length."""
        net.serve("hook.test", answers.answer(b"ok", status="202 Accepted"))
        answer = post(net, "https://hook.test/T0/B0", b'{"a":1}', headers={"X-Signature": "abc"})
        asked = net.asked[0]
        assert (answer.status, answer.body) == (202, b"ok")
        assert (asked.method, asked.target, asked.body) == ("POST", "/T0/B0", b'{"a":1}')
        assert (asked.headers["content-type"], asked.headers["content-length"]) == ("application/json", "7")
        assert asked.headers["x-signature"] == "abc"

    def test_one_connection_for_one_request(self, net, answers) -> None:
        """Nothing is kept: what a name leads to is judged again each time."""
        net.serve("pub.test", answers.answer(b"x", "Set-Cookie: a=b", "Connection: keep-alive"))
        client = net.client()
        for _ in range(2):  # in two event loops
            asyncio.run(client.get("http://pub.test/"))
        assert len(net.dialled) == len(net.connections) == 2
        assert "cookie" not in net.asked[1].headers

    def test_any_status_is_an_answer(self, net, answers) -> None:
        """The caller decides what it means."""
        for status in ("404 Not Found", "500 Oops", "304 Not Modified", "300 Multiple Choices"):
            net.serve("pub.test", answers.answer(status=status))
            assert net.get("http://pub.test/", accept=["image/*"]).status == int(status[:3])

    def test_an_answer_shows_no_content(self, net, answers) -> None:
        """Bodies, headers and paths stay out of logs and tracebacks."""
        net.serve("pub.test", answers.answer(CANARY.encode(), f"X-Token: {CANARY}"))
        fetched = net.get(f"http://pub.test/{CANARY}?token={CANARY}")
        assert CANARY not in repr(fetched)
        assert CANARY not in str(net.lines)


class TestHeaders:
    @pytest.mark.parametrize(
        "name",
        [
            "Host", "content-length", "Transfer-Encoding", "Cookie", "Connection", "Accept-Encoding", "Upgrade",
            "Proxy-Authorization",
        ],
    )  # fmt: skip
    def test_some_are_not_the_callers(self, net, answers, name: str) -> None:
        """They decide who is asked and how the answer is cut up."""
        net.serve("pub.test", answers.answer())
        error = net.refused("http://pub.test/", headers={name: "x"})
        assert (error.reason, str(error)) == (Reason.BAD_REQUEST, f"The header {name} cannot be set")
        assert net.dialled == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-A", f"{CANARY}\r\nHost: inside"), ("X-A", f"{CANARY}\n"), ("X-A", f"{CANARY}\0"), ("X-A", f"{CANARY}ü"),
            ("X-A", f" {CANARY}"), (f"X-{CANARY}\r\nHost", "x"), ("", CANARY), ("X A", CANARY), ("X:", CANARY),
        ],
    )  # fmt: skip
    def test_no_header_holds_another(self, net, name: str, value: str) -> None:
        """Refused before anything is asked; the value, which may be a secret, is not repeated."""
        error = net.refused("http://pub.test/", headers={name: value})
        assert error.reason is Reason.BAD_REQUEST
        assert CANARY not in str(error)
        assert net.resolved == []

    def test_nor_does_a_type(self, net) -> None:
        with pytest.raises(OutgoingError, match="The header Content-Type holds signs") as caught:
            asyncio.run(net.client().post("http://pub.test/", b"", content_type="text/plain\r\nX: y"))
        assert caught.value.reason is Reason.BAD_REQUEST

    def test_they_follow_within_the_same_origin(self, net, answers) -> None:
        net.serve("pub.test", lambda asked: answers.answer(b"x") if asked.target == "/b" else answers.redirect("/b"))
        net.get("https://pub.test/", headers={"Authorization": CANARY})
        assert [asked.headers["authorization"] for asked in net.asked] == [CANARY, CANARY]

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            ("https://pub.test/", "https://other.test/"),
            ("https://pub.test/", "https://sub.pub.test/"),
            ("http://pub.test/", "https://pub.test/b"),
        ],
    )
    def test_they_do_not_cross_to_another(self, net, answers, first: str, then: str) -> None:
        """Nor are they there again when the way leads back."""
        net.serve("other.test", answers.redirect("https://pub.test/back"), address=OTHER)
        net.names["sub.pub.test"] = [[OTHER]]
        net.serve("pub.test", lambda asked: answers.redirect(then) if asked.target == "/" else answers.answer(b"x"))
        assert net.get(first, headers={"Authorization": CANARY, "X-Api-Key": CANARY}).status == 200
        assert CANARY in str(net.asked[0].headers)
        assert all(CANARY not in str(asked.headers) for asked in net.asked[1:])
        assert net.asked[-1].headers["accept"] == "*/*"


class TestRedirects:
    def test_the_way_is_told(self, net, answers) -> None:
        """Each hop as it was asked, so that a lost parameter can be found; the fragment lives on."""
        net.serve("pub.test", answers.redirect("https://other.test/b?GCLID=x", "301 Moved Permanently"))
        net.serve(
            "other.test", lambda asked: answers.answer(b"x") if asked.target == "/c" else answers.redirect("c"), OTHER
        )
        page = net.get("http://pub.test/a?gclid=X#top")
        assert page.hops == (
            Hop(url="http://pub.test/a?gclid=X#top", status=301),
            Hop(url="https://other.test/b?GCLID=x#top", status=302),
            Hop(url="https://other.test/c#top", status=200),
        )
        assert page.url == page.hops[-1].url

    def test_five_are_followed(self, net, answers) -> None:
        net.serve(
            "pub.test",
            lambda asked: answers.redirect(f"{asked.target}a") if len(asked.target) < 6 else answers.answer(b"x"),
        )
        assert len(net.get("http://pub.test/").hops) == 6

    def test_six_are_not(self, net, answers) -> None:
        net.serve("pub.test", lambda asked: answers.redirect(f"{asked.target}a"))
        error = net.refused("http://pub.test/")
        assert str(error) == "http://pub.test redirects on and on: more than 5 times"
        assert (error.reason, len(net.dialled)) == (Reason.REDIRECT, 6)

    def test_none_where_none_are_wanted(self, net, answers) -> None:
        net.serve("pub.test", answers.redirect("/b"))
        assert net.refused("http://pub.test/", bounds=Bounds(redirects=0)).reason is Reason.REDIRECT
        assert len(net.dialled) == 1

    @pytest.mark.parametrize("location", ["/", "http://pub.test/#other", "HTTP://PUB.TEST:80/"])
    def test_a_circle_is_seen_at_once(self, net, answers, location: str) -> None:
        """Without cookies the same question has the same answer."""
        net.serve("pub.test", answers.redirect(location))
        assert str(net.refused("http://pub.test/")) == "http://pub.test redirects in a circle"
        assert len(net.dialled) == 1

    def test_no_way_back_from_https(self, net, answers) -> None:
        net.serve("pub.test", answers.redirect("http://pub.test/b"))
        assert net.refused("https://pub.test/").reason is Reason.REDIRECT
        assert net.dialled == [(PUBLIC, 443)]

    def test_several_places_at_once(self, net, answers) -> None:
        """Which one is meant would depend on who reads it."""
        net.serve("pub.test", answers.answer(b"", "Location: /a", "Location: http://127.0.0.1/", status="302 Found"))
        assert net.refused("http://pub.test/").reason is Reason.REDIRECT

    def test_a_redirect_to_nowhere_is_an_answer(self, net, answers) -> None:
        net.serve("pub.test", answers.answer(b"lost", status="302 Found"))
        assert (net.get("http://pub.test/").status, net.get("http://pub.test/").body) == (302, b"lost")

    def test_its_body_is_not_read(self, net, answers) -> None:
        """However large it says it is."""
        huge = answers.answer(b"y", "Location: /b", status="302 Found", length=10**12)
        net.serve("pub.test", lambda asked: answers.answer(b"x") if asked.target == "/b" else huge)
        assert net.get("http://pub.test/").body == b"x"

    @pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
    def test_what_is_posted_stays(self, net, answers, status: str) -> None:
        net.serve("hook.test", answers.redirect("/b", status))
        with pytest.raises(
            OutgoingError, match=r"^http://hook\.test redirects, and what is posted is not sent on"
        ) as caught:
            post(net, "http://hook.test/a")
        assert caught.value.reason is Reason.REDIRECT
        assert len(net.dialled) == 1


class TestTypes:
    @pytest.mark.parametrize("accept", [["image/*"], ["image/png", "image/jpeg"], ["image/PNG".lower()]])
    def test_what_is_expected(self, net, answers, accept: list[str]) -> None:
        net.serve("pub.test", answers.answer(b"\x89PNG", "Content-Type: image/PNG"))
        assert net.get("http://pub.test/", accept=accept).body == b"\x89PNG"

    @pytest.mark.parametrize(
        ("header", "given"),
        [
            ("Content-Type: text/html; charset=utf-8", "text/html"),
            ("Content-Type: imagery/png", "imagery/png"),
            ("Content-Type: ", "no type"),
            ("X-Other: image/png", "no type"),
            ("Content-Type: " + "x" * 99, "x" * 60),
        ],
    )
    def test_anything_else_is_not_read(self, net, answers, header: str, given: str) -> None:
        """A page in place of an image, before its first byte."""
        net.serve("pub.test", [*answers.answer(b"", header, length=50_000)])
        error = net.refused("http://pub.test/", accept=["image/*"])
        assert str(error) == f"http://pub.test answers with {given}, expected image/*"
        assert error.reason is Reason.WRONG_TYPE

    def test_everything_where_nothing_is_said(self, net, answers) -> None:
        net.serve("pub.test", answers.answer(b"x"))
        assert net.get("http://pub.test/").content_type == ""


class TestText:
    @pytest.mark.parametrize(
        ("header", "body", "text"),
        [
            ("text/html; charset=utf-8", "ü€".encode(), "ü€"),
            ("text/html", "ü€".encode(), "ü€"),
            ('text/html; boundary=x; CharSet="ISO-8859-1"', b"\xfc\x80", "ü€"),
            ("text/html; charset=windows-1251", b"\xcf", "П"),
            ("text/html; charset=shift_jis", b"\x83\x65", "テ"),
            ("text/html; charset=utf-16", "ü".encode("utf-16-le"), "ü"),
            ("text/html; charset=utf-8", b"\xef\xbb\xbfx", "x"),
            ("text/html; charset=utf-8", b"\xff\xfe", "\ufffd\ufffd"),
            ("text/html; charset=utf-7", b"+ADw-script+AD4-", "+ADw-script+AD4-"),
            ("text/html; charset=idna", b"xn--a", "xn--a"),
            ("text/html; charset=zlib_codec", b"x", "x"),
            ("text/html; charset=unicode_escape", b"\\u0041", "\\u0041"),
            ("text/html; charset=nonsense", b"x", "x"),
            ("text/html; charset=\"'", b"x", "x"),
            ("text/html; charset", b"x", "x"),
        ],
    )
    def test_by_charset(self, net, answers, header: str, body: bytes, text: str) -> None:
        """As browsers read them; what is unknown or dangerous is read as UTF-8, and nothing fails."""
        net.serve("pub.test", answers.answer(body, f"Content-Type: {header}"))
        assert net.get("http://pub.test/").text == text

    def test_every_charset_is_one_that_python_has(self) -> None:
        from adjoin.outgoing.bodies import _CHARSETS

        assert all(isinstance(b"x".decode(codec, errors="replace"), str) for codec in _CHARSETS.values())
