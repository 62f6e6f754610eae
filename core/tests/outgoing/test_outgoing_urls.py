"""The URL rule: whatever two programs could read in two ways is refused before anything is asked."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin.outgoing.urls import LONGEST_URL, next_url, origin, read_url, shown


@pytest.mark.parametrize(
    ("text", "url", "host"),
    [
        ("http://pub.test", "http://pub.test", b"pub.test"),
        ("HTTPS://Pub.TEST:443/A?b=C#d", "https://pub.test/A?b=C#d", b"pub.test"),
        ("http://pub.test:80/", "http://pub.test/", b"pub.test"),
        ("http://pub.test:/", "http://pub.test/", b"pub.test"),
        ("http://pub.test./", "http://pub.test./", b"pub.test."),
        ("http://a_b.pub.test/", "http://a_b.pub.test/", b"a_b.pub.test"),
        ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC", b"xn--mnchen-3ya.example"),
        ("http://xn--i-7iq.example/", "http://xn--i-7iq.example/", b"xn--i-7iq.example"),
        ("http://8.8.8.8/", "http://8.8.8.8/", b"8.8.8.8"),
        ("http://[2606:4700::1]:443/", "http://[2606:4700::1]:443/", b"2606:4700::1"),
        ("http://pub.test#@127.0.0.1/", "http://pub.test#@127.0.0.1/", b"pub.test"),
        ("http://pub.test/@user", "http://pub.test/@user", b"pub.test"),
        ("http://pub.test?next=http://a:b@c/", "http://pub.test?next=http://a:b@c/", b"pub.test"),
    ],
)
def test_what_is_taken(text: str, url: str, host: bytes) -> None:
    """Upper case, international names, both kinds of address, any path and query."""
    read = read_url(text)
    assert (read, read.raw_host) == (httpx.URL(url), host)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("http://pub.test/" + "a" * LONGEST_URL, "characters, and at most 2,048 are taken"),
        ("pub.test", "it must begin with http:// or https://"),
        ("//pub.test/", "it must begin with"),
        ("/path", "it must begin with"),
        ("http:pub.test", "it must begin with"),
        ("http:/pub.test", "it must begin with"),
        ("file:///etc/passwd", "it must begin with"),
        ("gopher://pub.test/", "it must begin with"),
        ("ftp://pub.test/", "it must begin with"),
        ("data:text/html,x", "it must begin with"),
        ("javascript:alert(1)", "it must begin with"),
        ("unix:///run/docker.sock", "it must begin with"),
        ("httpx://pub.test/", "it must begin with"),
        ("http://", "its host cannot be read"),
        ("http:///path", "its host cannot be read"),
        ("http://?a", "its host cannot be read"),
        ("http://:80/", "its host cannot be read"),
        ("http://a@pub.test/", "user name before the host"),
        ("http://a:80@pub.test/", "user name before the host"),
        ("http://@pub.test/", "user name before the host"),
        ("http://127.0.0.1:8080\\@pub.test/", "backslash"),
        ("http://pub.test\\.evil.test/", "backslash"),
        ("http:\\\\pub.test/", "backslash"),
        ("http://pub.test\t/", "cannot be seen"),
        ("http://pub\n.test/", "cannot be seen"),
        ("http://pub.test/ a", "cannot be seen"),
        (" http://pub.test/", "cannot be seen"),
        ("http://pub.test/\r\nHost: evil", "cannot be seen"),
        ("http://pub.test/\x00", "cannot be seen"),
        ("http://pub.test/\u202e", "cannot be seen"),
        ("http://pub\u200b.test/", "cannot be seen"),
        ("http://pub.test/\ud800", "cannot be seen"),
        ("http://pub%2etest/", "its host cannot be read"),
        ("http://%31%32%37.0.0.1/", "its host cannot be read"),
        ("http://[fe80::1%eth0]/", "its host cannot be read"),
        ("http://[fe80::1%25eth0]/", "its host cannot be read"),
        ("http://[::1", "its host cannot be read"),
        ("http://::1/", "its host cannot be read"),
        ("http://[127.0.0.1]/", "its host cannot be read"),
        ("http://[v1.x]/", "its host cannot be read"),
        ("http://[]/", "its host cannot be read"),
        ("http://a[::1]/", "its host cannot be read"),
        ("http://[::1]x/", "its host cannot be read"),
        ("http://0177.0.0.1/", "its host cannot be read"),
        ("http://①②⑦.0.0.1/", "its host cannot be read"),
        ("http://a..b/", "its host cannot be read"),
        ("http://.pub.test/", "its host cannot be read"),
        ("http://" + "a" * 64 + ".test/", "its host cannot be read"),
        ("http://" + "a." * 127 + "test/", "its host cannot be read"),
        ("http://a,b.test/", "its host cannot be read"),
        ("http://pub.test:8o/", "its host cannot be read"),
        ("http://pub.test:٨٠/", "its host cannot be read"),
        ("http://pub.test:-1/", "its host cannot be read"),
        ("http://pub.test:80:80/", "its host cannot be read"),
        ("http://pub.test:000080/", "its host cannot be read"),
        ("http://pub.test:0/", "its port is not allowed"),
        ("http://pub.test:22/", "its port is not allowed"),
        ("http://pub.test:25/", "its port is not allowed"),
        ("http://pub.test:6379/", "its port is not allowed"),
        ("http://pub.test:65536/", "its port is not allowed"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    """Each with what is wrong, and without the URL, which may hold a secret."""
    with pytest.raises(OutgoingError, match=why) as caught:
        read_url(text)
    assert caught.value.reason is Reason.BAD_URL
    assert "pub.test" not in str(caught.value)


@given(st.one_of(st.text(max_size=60), st.text("htps:/\\@[]%.#?0127xaf\u3002\t ", max_size=40).map("http://".__add__)))
@example("http://[::1]:80:80/")
@example("http://xn--a/")
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other error comes out, and what is taken has a plain host and no user name."""
    try:
        url = read_url(text)
    except OutgoingError:
        return
    assert url.scheme in {"http", "https"}
    assert url.raw_host
    assert not url.userinfo
    assert not set(url.raw_host) & set(b"%@/\\ ")
    assert read_url(str(url)) == url


def test_the_operator_adds_ports() -> None:
    assert read_url("http://pub.test:8080/", ports={80, 443, 8080}).port == 8080


def test_only_scheme_host_and_port_are_shown() -> None:
    """A webhook carries its secret in its path."""
    assert shown(read_url("https://pub.test:443/services/T0/B0/canary?token=x#y")) == "https://pub.test"


def test_origins() -> None:
    assert origin(read_url("https://pub.test/a")) == origin(read_url("HTTPS://PUB.test:443/b"))
    assert len({origin(read_url(each)) for each in ("http://a.test", "https://a.test", "http://b.test")}) == 3


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://pub.test/b#f"),
        ("c?d=1", "https://pub.test/a/c?d=1#f"),
        ("?d=1", "https://pub.test/a/x?d=1#f"),
        ("../up", "https://pub.test/up#f"),
        ("//other.test/b", "https://other.test/b#f"),
        ("https://other.test/b#own", "https://other.test/b#own"),
        ("https://other.test/b#", "https://other.test/b#"),
        ("/ü", "https://pub.test/%C3%BC#f"),
    ],
)
def test_where_a_redirect_leads(location: str, target: str) -> None:
    """Relative to where it came from; the fragment lives on unless there is a new one."""
    assert next_url(httpx.URL("https://pub.test/a/x#f"), [location]) == httpx.URL(target)


@pytest.mark.parametrize(
    ("locations", "why"),
    [
        (["http://pub.test/"], "from https to http"),
        (["file:///etc/passwd"], "to an address that cannot be used"),
        (["data:text/html,x"], "to an address that cannot be used"),
        (["https://a@other.test/"], "to an address that cannot be used"),
        (["https://pub.test:22/"], "to an address that cannot be used"),
        (["https://[::1/"], "to an address that cannot be used"),
        (["https:///x"], "to an address that cannot be used"),
        (["https:x"], "to an address that cannot be used"),
        (["///x"], "to an address that cannot be used"),
        (["/" + "a" * LONGEST_URL], "to an address that cannot be used"),
        (["https://other.test\\@pub.test/"], "to an address with signs that do not belong there"),
        (["\thttps://other.test/"], "to an address with signs that do not belong there"),
        (["/a b"], "to an address with signs that do not belong there"),
        (["/a", "/b"], "to several addresses at once"),
    ],
)
def test_redirects_that_are_not_followed(locations: list[str], why: str) -> None:
    """The same rule holds for every hop, and there is no way back from https."""
    with pytest.raises(OutgoingError, match=f"^https://pub.test redirects {why}") as caught:
        next_url(httpx.URL("https://pub.test/secret"), locations)
    assert caught.value.reason is Reason.REDIRECT
    assert "secret" not in str(caught.value)
