"""Every known way to reach this machine's own network through a URL, at the first hop and behind redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle

import pytest

from adjoin.outgoing.errors import OutgoingError, Reason

PUBLIC, OTHER = "93.184.215.14", "151.101.1.69"

#: Names as people register them, and what they resolve to.
NAMES: dict[str, Sequence[str]] = {
    "localhost": ["127.0.0.1"],
    "localhost.": ["::1", "127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "127.0.0.1.nip.test": ["127.0.0.1"],
    "10-0-0-1.nip.test": ["10.0.0.1"],
    "ten.test": ["10.0.0.1"],
    "twelve.test": ["172.16.0.1"],
    "house.test": ["192.168.0.1"],
    "carrier.test": ["100.64.0.1"],
    "nowhere.test": ["0.0.0.0"],
    "six.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "translated.test": ["::ffff:0:127.0.0.1"],
    "compatible.test": ["::127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "local-nat64.test": ["64:ff9b:1::7f00:1"],
    "6to4.test": ["2002:7f00:1::"],
    "teredo.test": ["2001:0:53aa:64c:0:f227:80ff:fffe"],
    "isatap.test": ["2606:4700::5efe:7f00:1"],
    "ula.test": ["fd00::1"],
    "linked.test": ["fe80::1%eth0"],
    "site.test": ["fec0::1"],
    "crowd.test": ["224.0.0.1", "ff02::1"],
    "metadata": ["169.254.169.254"],
    "metadata.google.internal": ["169.254.169.254", "fd20:ce::254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "instance-data": ["fd00:ec2::254"],
    "metadata.tencentyun.com": ["169.254.0.23"],
    "host.docker.internal": ["172.17.0.1"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "mixed.test": [PUBLIC, "127.0.0.1"],
    "mixed-back.test": ["10.0.0.1", PUBLIC],
    "mixed-late.test": [PUBLIC, OTHER, "8.8.8.8", "8.8.4.4", "9.9.9.9", "169.254.169.254"],
    "half.test": [PUBLIC, "::1"],
    "other-half.test": ["2606:4700::1", "192.168.1.1"],
    "nothing.test": [],
    "nonsense.test": ["not an address"],
}

#: Hosts that are addresses, in every spelling that a parser or a resolver takes.
HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1",
    "0177.1", "017700000001", "127.0.0.1.", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:53aa:64c:0:f227:80ff:fffe]", "[2606:4700::5efe:127.0.0.1]", "[2606:4700::200:5efe:127.0.0.1]",
    "[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd12::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]",
    "[5f00::1]", "224.0.0.1", "255.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.0.1",
    "100.64.0.1", "100.100.100.200", "169.254.169.254", "2852039166", "0xA9FEA9FE", "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]", "169.254.170.2", "[fd00:ec2::254]", "168.63.129.16", "192.0.0.192", "192.88.99.1",
    "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1",
]  # fmt: skip

PRIVATE = [f"{scheme}://{host}/latest/meta-data/" for host in [*HOSTS, *NAMES] for scheme in ("http", "https")]

#: What is refused before any name is resolved.
MALFORMED = [
    "http://127.0.0.1@pub.test/", "http://pub.test@127.0.0.1/", "http://a:80@127.0.0.1/", "http://pub.test:80@ten.test/",
    "http://127.0.0.1:8080\\@pub.test/", "http://pub.test\\@127.0.0.1/", "http://pub.test\t@127.0.0.1/",
    "http://127.0.0.1\n.pub.test/", "http://pub.test/\r\nX: y", " http://127.0.0.1/", "http:\t//127.0.0.1/",
    "http://[fe80::1%eth0]/", "http://[fe80::1%25eth0]/", "http://0177.0.0.1/", "http://①②⑦.⓪.⓪.①/", "http://①②⑦.0.0.1/",
    "http://%31%32%37.0.0.1/", "http://127.0.0.1%2f@pub.test/", "http://[::1]:80:80/", "http://[127.0.0.1]/",
    "http://pub.test:22/", "http://pub.test:25/", "http://127.0.0.1:6379/", "http://pub.test:0/",
    "http://pub.test:65536/", "http://pub.test:8080/", "http:///127.0.0.1/", "http:127.0.0.1/", "//127.0.0.1/",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://127.0.0.1/",
    "dict://127.0.0.1:11211/", "data:text/html,x", "jar:http://127.0.0.1!/", "ws://127.0.0.1/", "unix:/run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/info",
]  # fmt: skip

REDIRECTS = ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]


@pytest.fixture
def hostile(net):
    """Names that lead inside, and servers there that a request must never reach."""
    net.names.update({name: [addresses] for name, addresses in NAMES.items()})

    def breached(_asked):
        raise AssertionError("a server inside was asked")

    for address in ("127.0.0.1", "::1", "0.0.0.0", "169.254.169.254", "10.0.0.1", PUBLIC, OTHER):
        net.sites[address] = breached
    return net


@pytest.mark.parametrize("url", PRIVATE)
def test_nothing_inside_is_dialled(hostile, url: str) -> None:
    """Not a single connection is tried, so that open and closed ports look the same."""
    error = hostile.refused(url)
    assert error.reason is Reason.UNREACHABLE
    assert hostile.dialled == []


@pytest.mark.parametrize("url", PRIVATE[::7])
def test_nothing_inside_is_posted_to(hostile, url: str) -> None:
    """The same guard stands before every method."""
    with pytest.raises(OutgoingError) as caught:
        asyncio.run(hostile.client().post(url, b"FLUSHALL", content_type="text/plain"))
    assert caught.value.reason is Reason.UNREACHABLE
    assert hostile.dialled == []


@pytest.mark.parametrize("url", MALFORMED)
def test_what_can_be_read_in_two_ways_is_not_even_resolved(hostile, url: str) -> None:
    assert hostile.refused(url).reason is Reason.BAD_URL
    assert (hostile.resolved, hostile.dialled) == ([], [])


@pytest.mark.parametrize(("url", "status"), list(zip([*PRIVATE, *MALFORMED], cycle(REDIRECTS))))
def test_no_redirect_leads_inside(hostile, answers, url: str, status: str) -> None:
    """What is judged is every hop, not what somebody has entered."""
    hostile.serve("pub.test", answers.redirect(url, status))
    error = hostile.refused("http://pub.test/")
    assert error.reason in {Reason.UNREACHABLE, Reason.REDIRECT}
    assert set(hostile.dialled) <= {(PUBLIC, 80)}
    assert len(hostile.asked) == 1


@pytest.mark.parametrize("url", PRIVATE[::5])
def test_no_second_redirect_leads_inside(hostile, answers, url: str) -> None:
    """A public hop in between lends no trust."""
    hostile.serve("pub.test", answers.redirect("https://other.test/"))
    hostile.serve("other.test", answers.redirect(url), address=OTHER)
    assert hostile.refused("http://pub.test/").reason in {Reason.UNREACHABLE, Reason.REDIRECT}
    assert hostile.dialled == [(PUBLIC, 80), (OTHER, 443)]


def test_a_name_that_changes_its_mind(net, answers) -> None:
    """A name is resolved once per connection, and what was judged is what is dialled."""
    net.serve("rebind.test", answers.answer(b"public"))
    net.names["rebind.test"] = [[PUBLIC], ["127.0.0.1"]]
    assert net.get("http://rebind.test/").body == b"public"
    assert (net.resolved, net.dialled) == (["rebind.test"], [(PUBLIC, 80)])
    assert net.refused("http://rebind.test/").reason is Reason.UNREACHABLE
    assert net.dialled == [(PUBLIC, 80)]


def test_a_name_that_changes_its_mind_between_hops(net, answers) -> None:
    """The redirect back to the same name is resolved and judged again."""
    net.serve("rebind.test", answers.redirect("/next"))
    net.names["rebind.test"] = [[PUBLIC], ["169.254.169.254"]]
    assert net.refused("http://rebind.test/").reason is Reason.UNREACHABLE
    assert (net.resolved, net.dialled) == (["rebind.test"] * 2, [(PUBLIC, 80)])


def test_a_page_that_sends_browsers_on(net, answers) -> None:
    """Only redirects of HTTP are followed: neither a Refresh header nor the page's own."""
    page = b'<meta http-equiv="refresh" content="0;url=http://127.0.0.1/"><script>location="http://127.0.0.1/"</script>'
    net.serve(
        "pub.test", answers.answer(page, "Refresh: 0; url=http://127.0.0.1/", "Content-Location: http://127.0.0.1/")
    )
    assert net.get("http://pub.test/").body == page
    assert net.dialled == [(PUBLIC, 80)]


def test_what_is_posted_is_not_sent_on(net, answers) -> None:
    """A 307 would carry the body to an address that nobody has agreed to."""
    net.serve("pub.test", answers.redirect("http://other.test/", "307 Temporary Redirect"))
    net.serve("other.test", answers.answer(b"thanks"), address=OTHER)
    with pytest.raises(OutgoingError, match="what is posted is not sent on") as caught:
        asyncio.run(net.client().post("http://pub.test/", b"payload", content_type="text/plain"))
    assert caught.value.reason is Reason.REDIRECT
    assert net.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
)
def test_a_proxy_of_the_environment_is_not_used(net, answers, monkeypatch, variable: str) -> None:
    """It would resolve the names itself, behind the guard."""
    monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    net.serve("pub.test", answers.answer(b"direct"))
    assert net.get("http://pub.test/").body == b"direct"
    assert net.get("https://pub.test/").body == b"direct"
    assert net.dialled == [(PUBLIC, 80), (PUBLIC, 443)]
    assert net.refused("http://127.0.0.1/").reason is Reason.UNREACHABLE


class TestNothingIsGivenAway:
    """What an asker can tell from an error is the same for all causes."""

    def test_the_same_words_for_all_causes(self, hostile, answers) -> None:
        """No such name, a name inside, an address inside, a closed port, another protocol, silence, a broken head."""

        async def silence(_asked):
            await asyncio.Event().wait()
            yield b""

        hostile.serve("closed.test", answers.answer(), address="8.8.8.8")
        del hostile.sites["8.8.8.8"]
        hostile.serve("ssh.test", [b"SSH-2.0-OpenSSH_9.2\r\n"], address="8.8.4.4")
        hostile.serve("gone.test", [b""], address="9.9.9.9")
        hostile.serve("silent.test", lambda asked: silence(asked), address="1.1.1.1")
        hostile.serve("cut.test", [b"HTTP/1.1 200 OK\r\nContent-"], address="1.0.0.1")
        hostile.serve("upgrade.test", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"], address="4.4.4.4")
        client = hostile.client(total=timedelta(seconds=0.2))
        said = set()
        for name in (
            "unknown.test", "ten.test", "metadata.google.internal", "mixed.test", "nothing.test", "closed.test",
            "ssh.test", "gone.test", "silent.test", "cut.test", "upgrade.test",
        ):  # fmt: skip
            with pytest.raises(OutgoingError) as caught:
                asyncio.run(client.get(f"http://{name}/secret-path?token=canary"))
            assert caught.value.reason is Reason.UNREACHABLE
            said.add(str(caught.value).replace(name, "NAME"))
        assert len(said) == 1
        assert "secret-path" not in said.pop()

    def test_no_resolved_address_in_what_a_traceback_holds(self, hostile) -> None:
        """Nor in the errors that it came from."""
        for name in ("ten.test", "metadata", "mixed.test"):
            seen = []
            error: BaseException | None = hostile.refused(f"http://{name}/")
            while error is not None:
                seen.append(f"{error!r} {error}")
                error = error.__cause__ or error.__context__
            assert not any(address in line for line in seen for address in NAMES[name])

    def test_the_operator_is_told(self, hostile) -> None:
        """The log names the address and why it was refused; it holds neither path nor query."""
        hostile.refused("http://ten.test/canary?token=canary")
        refusal = hostile.lines[0]
        assert (refusal["level"], refusal["event"]) == ("warning", "outgoing connection refused")
        assert (refusal["host"], refusal["address"], refusal["why"]) == (
            "ten.test", "10.0.0.1", "it is not a public address",
        )  # fmt: skip
        assert hostile.lines[-1]["reason"] == "unreachable"
        assert "canary" not in str(hostile.lines)


class TestAllowed:
    """What the operator opens is open, and nothing beside it."""

    def test_a_model_on_this_machine(self, net, answers) -> None:
        net.private = {"127.0.0.1"}
        net.names["localhost"] = [["127.0.0.1"]]
        net.sites["127.0.0.1"] = lambda _asked: answers.answer(b"llama")
        for host in ("127.0.0.1", "localhost", "127.1"):
            assert net.get(f"http://{host}:11434/v1", allow="127.0.0.1:11434").body == b"llama"
        assert set(net.dialled) == {("127.0.0.1", 11434)}

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/", "http://127.0.0.1:6379/", "http://127.0.0.2:11434/", "http://[::1]:11434/",
            "http://10.0.0.1:11434/", "http://8.8.8.8:11434/", "http://half.test:11434/", "http://mixed.test/",
        ],
    )  # fmt: skip
    def test_its_neighbours_stay_shut(self, hostile, url: str) -> None:
        """Another port, another address, a public address on that port, a name with one foot outside."""
        error = hostile.refused(url, allow="127.0.0.1:11434")
        assert error.reason in {Reason.UNREACHABLE, Reason.BAD_URL}
        assert hostile.dialled == []

    def test_a_redirect_may_lead_where_the_operator_allows(self, net, answers) -> None:
        """An internal staging site may be behind a public name."""
        net.private = {"10.20.0.5"}
        net.serve("pub.test", answers.redirect("http://staging.test/"))
        net.names["staging.test"] = [["10.20.0.5"]]
        net.sites["10.20.0.5"] = lambda _asked: answers.answer(b"staging")
        assert net.get("http://pub.test/", allow="10.20.0.0/16").body == b"staging"
