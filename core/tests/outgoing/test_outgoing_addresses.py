"""The address rule: public addresses, what the operator opens, and nothing else, however it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin.outgoing.addresses import AddressRule, Allowed, ipv4_inside, read_allowed

RULE = AddressRule()
PORTS = [0, 1, 22, 25, 79, 80, 81, 442, 443, 444, 5432, 6379, 8000, 8080, 8443, 11434, 65535]

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.1.2.3", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.0.192",
    "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "168.63.129.16", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::7f00:1",
    "64:ff9b:1:7f00:0:100::", "100::1", "100:0:0:1::1", "200::1", "2001::1", "2001:0:53aa:64c:0:f227:80ff:fffe",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1",
    "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1", "2606:4700::5efe:8.8.8.8", "2620:4f:8000::1",
    "3ffe::1", "3fff::1", "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
    "fd12:3456:789a:1::1", "fe80::1", "fe80::1%eth0", "fe80::a9fe:a9fe", "fec0::1", "ff02::1", "ff0e::1",
    "2606:4700::1%eth0",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.215.14", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450:4001:830::200e",
    "2606:4700::6810:84e5", "::ffff:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str) -> None:
    """On both ports, with a reason for the operator."""
    for port in (80, 443):
        assert RULE.objection(ip_address(address), port)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_permitted_on_two_ports(address: str) -> None:
    """Also right beside the special networks."""
    assert [port for port in PORTS if RULE.permits(ip_address(address), port)] == [80, 443]


NETWORKS = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "168.63.129.16/32", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
private_ipv4 = st.sampled_from(NETWORKS).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address)).map(IPv4Address)
)
bits_16 = st.integers(0, 2**16 - 1)
bits_32 = st.integers(0, 2**32 - 1)
bits_64 = st.integers(0, 2**64 - 1)
unicast_prefix = st.integers(0x2000 << 48, (0x4000 << 48) - 1)  # the upper half of any address in 2000::/3


class TestEmbedding:
    """A private IPv4 address is refused by every way to write it into an IPv6 address."""

    @given(private_ipv4)
    @example(IPv4Address("127.0.0.1"))
    @example(IPv4Address("169.254.169.254"))
    def test_at_the_end(self, inner: IPv4Address) -> None:
        """IPv4-mapped, -compatible, -translated, and NAT64."""
        for prefix in ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff::"):
            assert not RULE.permits(IPv6Address(int(IPv6Address(prefix)) | int(inner)), 443)

    @given(private_ipv4, bits_16, bits_64)
    def test_6to4(self, inner: IPv4Address, subnet: int, interface: int) -> None:
        address = IPv6Address(0x2002 << 112 | int(inner) << 80 | subnet << 64 | interface)
        assert inner in ipv4_inside(address)
        assert not RULE.permits(address, 443)

    @given(private_ipv4, bits_32, bits_16, bits_16)
    def test_teredo(self, inner: IPv4Address, server: int, flags: int, port: int) -> None:
        """As its client, whose bits are turned, and as its server."""
        client = IPv6Address(0x2001 << 112 | server << 64 | flags << 48 | port << 32 | int(inner) ^ 0xFFFFFFFF)
        relayed = IPv6Address(0x2001 << 112 | int(inner) << 64 | flags << 48 | port << 32 | server)
        assert inner in ipv4_inside(client)
        assert inner in ipv4_inside(relayed)
        assert not RULE.permits(client, 443)
        assert not RULE.permits(relayed, 443)

    @given(private_ipv4, unicast_prefix, st.sampled_from([0, 0x0100_0000, 0x0200_0000, 0x0300_0000]))
    def test_isatap_in_any_network(self, inner: IPv4Address, prefix: int, flags: int) -> None:
        address = IPv6Address(prefix << 64 | (flags | 0x5EFE) << 32 | int(inner))
        assert inner in ipv4_inside(address)
        assert not RULE.permits(address, 443)

    @given(private_ipv4)
    def test_an_allowance_for_the_wrapping_opens_nothing_inside(self, inner: IPv4Address) -> None:
        """A machine behind NAT64 may reach the internet through it, not its own network."""
        rule = AddressRule(read_allowed("64:ff9b::/96, 2002::/16, 2001::/32, 2606:4700::/32, ::/96"))
        low = int(inner)
        for number in (
            int(IPv6Address("64:ff9b::")) | low,
            0x2002 << 112 | low << 80,
            0x2001 << 112 | low ^ 0xFFFFFFFF,
            int(IPv6Address("2606:4700::5efe:0:0")) | low,
        ):
            assert not rule.permits(IPv6Address(number), 443)
        assert rule.permits(IPv6Address("64:ff9b::8.8.8.8"), 443)


class TestSecondOpinion:
    """The rule is never milder than Python's own idea of what is global."""

    @given(st.ip_addresses(v=4))
    def test_ipv4(self, address: IPv4Address) -> None:
        if RULE.permits(address, 443):
            assert address.is_global
            assert not any((address.is_multicast, address.is_reserved, address.is_private, address.is_link_local))

    @given(st.ip_addresses(v=6))
    def test_ipv6(self, address: IPv6Address) -> None:
        mapped = address.ipv4_mapped
        if mapped is not None:
            assert RULE.permits(address, 443) == RULE.permits(mapped, 443)
        elif RULE.permits(address, 443):
            assert address.is_global
            assert not any((address.is_multicast, address.is_reserved, address.is_site_local))
            assert address.teredo is None
            assert address.sixtofour is None

    @given(unicast_prefix, bits_64)
    def test_ordinary_ipv6_is_reachable(self, prefix: int, interface: int) -> None:
        """What is refused inside 2000::/3 are the networks that the registries name."""
        address = IPv6Address(prefix << 64 | interface)
        if not RULE.permits(address, 443):
            head = prefix >> 32
            special = head >> 9 == 0x2001_0000 >> 9 or head == 0x2001_0DB8 or head >> 16 in {0x2002, 0x3FFE}
            sinks = prefix >> 16 == 0x2620_004F_8000
            assert special or sinks or head >> 12 == 0x3FFF0 or interface >> 32 & 0xFCFFFFFF == 0x5EFE


class TestAllowed:
    def test_a_network_opens_on_the_standard_ports(self) -> None:
        rule = AddressRule(read_allowed("10.20.0.0/16"))
        assert [port for port in PORTS if rule.permits(ip_address("10.20.3.4"), port)] == [80, 443]
        assert rule.permits(ip_address("::ffff:10.20.3.4"), 80)
        assert not rule.permits(ip_address("10.21.0.1"), 443)

    def test_a_port_opens_alone(self) -> None:
        """A model's server on this machine, not the database beside it. Public addresses keep their two ports."""
        rule = AddressRule(read_allowed("127.0.0.1:11434, [::1]:8080"))
        assert [port for port in PORTS if rule.permits(ip_address("127.0.0.1"), port)] == [11434]
        assert [port for port in PORTS if rule.permits(ip_address("::1"), port)] == [8080]
        assert not rule.permits(ip_address("127.0.0.2"), 11434)
        assert not rule.permits(ip_address("8.8.8.8"), 11434)
        assert rule.ports == {80, 443, 8080, 11434}

    def test_a_public_server_on_an_odd_port(self) -> None:
        rule = AddressRule(read_allowed("8.8.8.8:8443"))
        assert rule.permits(ip_address("8.8.8.8"), 8443)
        assert rule.permits(ip_address("8.8.8.8"), 443)

    @pytest.mark.parametrize(
        ("allowed", "address"),
        [
            ("100.64.0.0/10", "100.100.100.200"),
            ("168.0.0.0/8", "168.63.129.16"),
            ("192.0.0.0/16", "192.0.0.192"),
            ("169.0.0.0/8", "169.254.169.254"),
            ("fc00::/7", "fd00:ec2::254"),
            ("fc00::/7", "fd20:ce::254"),
            ("fe00::/7", "fe80::1"),
            ("64:ff9b::/32", "64:ff9b:1::a00:1"),
            ("::/96", "::"),
        ],
    )
    def test_credentials_of_the_machine_stay_shut(self, allowed: str, address: str) -> None:
        """A wide network does not open the metadata services that lie in it."""
        assert not AddressRule(read_allowed(allowed)).permits(ip_address(address), 80)

    def test_reading(self) -> None:
        """Blanks do not count; an address alone is a network of one."""
        written = " 10.20.0.0/16 ,,127.0.0.1, 10.0.0.0/8:8080,::1,fd12::/16,[fd12::/16]:8443,[::1]:80,"
        assert [str(each) for each in read_allowed(written)] == [
            "10.20.0.0/16", "127.0.0.1/32", "10.0.0.0/8:8080", "::1/128", "fd12::/16", "[fd12::/16]:8443",
            "[::1/128]:80",
        ]  # fmt: skip
        assert read_allowed(",".join(str(each) for each in read_allowed(written))) == read_allowed(written)
        assert read_allowed("") == read_allowed(" , ") == ()
        assert read_allowed("127.0.0.1:1")[0] == Allowed(network=IPv4Network("127.0.0.1/32"), port=1)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("localhost", "'localhost' is neither an address nor a network .*; names cannot be allowed"),
            ("localhost:11434", "names cannot be allowed"),
            ("http://127.0.0.1", "is neither an address nor a network"),
            ("10.0.0.0/8 10.1.0.0/16", "is neither an address nor a network"),
            ("10.0.0.0/33", "is neither an address nor a network"),
            ("fe80::1%eth0", "is neither an address nor a network"),
            ("[::1", "is neither an address nor a network"),
            ("10.0.0.1/8", r"'10\.0\.0\.1/8' is an address with a prefix length; write 10\.0\.0\.0/8"),
            ("fd12::1/16", "write fd12::/16"),
            ("0.0.0.0/0", r"'0\.0\.0\.0/0' is too wide: at most /8"),
            ("10.0.0.0/7", "is too wide"),
            ("::/0", "at most /7"),
            ("127.0.0.1:0", "there is no port 0"),
            ("127.0.0.1:65536", "there is no port 65536"),
            ("169.254.169.254", "'169.254.169.254' cannot be allowed: link-local, .* credentials, are never asked"),
            ("169.254.0.0/16:80", "cannot be allowed"),
            ("168.63.129.16", "cannot be allowed"),
            ("0.0.0.0", "cannot be allowed"),
            ("::", "cannot be allowed"),
            ("fe80::/10", "cannot be allowed"),
            ("224.0.0.0/8", "cannot be allowed"),
            ("::ffff:10.0.0.0/104", "stands for IPv4 addresses; write them as IPv4"),
            ("10.0.0.0/8,nonsense", "'nonsense' is neither"),
        ],
    )
    def test_what_cannot_be_allowed_is_said(self, text: str, why: str) -> None:
        with pytest.raises(BadInput, match=why):
            read_allowed(text)
