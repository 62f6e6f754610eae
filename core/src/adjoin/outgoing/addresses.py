"""Which addresses may be dialled for a URL that somebody entered: public ones, and what the operator allows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from adjoin.errors import BadInput

__all__ = ["STANDARD_PORTS", "AddressRule", "Allowed", "ipv4_inside", "read_allowed"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: The ports that may be asked where the operator has named none.
STANDARD_PORTS = frozenset({80, 443})

# The tables are our own as Python's differ between patch releases, and miss some: `is_global` is true of 224.0.0.1,
# ::ffff:0:127.0.0.1 and 3fff::1 in 3.11.7. Source: IANA's special-purpose address registries.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT; 100.100.100.200 is a cloud's metadata service
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; 169.254.169.254 and .170.2 are clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112 sinks
        "192.52.193.0/24",  # automatic multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112 sinks
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_UNICAST_6 = IPv6Network("2000::/3")  # all that IANA has opened for the internet; everything else is special
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112 sinks
        "3ffe::/16",  # the 6bone, given back
        "3fff::/20",  # documentation
    )
)
# What no allowance opens: nobody's own server lives there, and credentials of the machine do.
# 168.63.129.16 looks public and is Azure's host agent.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "100.100.100.200/32", "168.63.129.16/32", "169.254.0.0/16", "192.0.0.192/32", "224.0.0.0/4",
        "240.0.0.0/4", "::/128", "64:ff9b:1::/48", "fd00:ec2::/32", "fd20:ce::254/128", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
_WIDEST = {4: 8, 6: 7}  # prefix lengths; a shorter one is not an exception but the end of the rule

# Kinds of IPv6 address that hold an IPv4 address in their last 32 bits: IPv4-mapped and -compatible (RFC 4291 2.5.5),
# IPv4-translated (RFC 7915), NAT64 (RFC 6052, RFC 8215).
_MAPPED = IPv6Network("::ffff:0:0/96")
_AT_THE_END = (
    _MAPPED,
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
)
_TEREDO = IPv6Network("2001::/32")  # RFC 4380
_SIX_TO_FOUR = IPv6Network("2002::/16")  # RFC 3056
_ISATAP, _ISATAP_MASK = 0x0000_5EFE, 0xFCFF_FFFF  # RFC 5214 6.1, whatever the bits for universal and group say
_LOW_32 = 0xFFFF_FFFF

_BRACKETS = re.compile(r"\[([^\[\]]+)\](?::([0-9]{1,5}))?")
_ONE_COLON = re.compile(r"([^:\[\]]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A network that the operator opens, on one port; without a port on the standard ones."""

    network: Network
    port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return str(self.network)
        return f"[{self.network}]:{self.port}" if self.network.version == 6 else f"{self.network}:{self.port}"


class AddressRule:
    """Decides on an address that is about to be dialled, after names are resolved.

    An IPv6 address that stands for an IPv4 address is judged by that one as well.
    """

    def __init__(self, allowed: Iterable[Allowed] = ()) -> None:
        self._allowed = tuple(allowed)
        #: every port that could be asked at some address
        self.ports = STANDARD_PORTS | {each.port for each in self._allowed if each.port is not None}

    def permits(self, address: Address, port: int) -> bool:
        """Say whether this address may be dialled on this port."""
        return self.objection(address, port) is None

    def objection(self, address: Address, port: int) -> str | None:
        """Say why an address may not be dialled, or None if it may. Words for the operator, never for the asker."""
        if isinstance(address, IPv6Address):
            if address.scope_id is not None:
                return "it is bound to a network interface"
            inside = ipv4_inside(address)
            if address in _MAPPED:
                return self.objection(inside[0], port)
            for each in inside:
                if objection := self.objection(each, port):
                    return f"it stands for {each}, and {objection}"
        if any(address in network for network in _NEVER):
            return "addresses of this kind are never dialled"
        ports = [each.port for each in self._allowed if address in each.network]
        if port in ports or (None in ports and port in STANDARD_PORTS):
            return None
        if not _is_public(address):
            return "it is not a public address"
        if port not in STANDARD_PORTS:
            return f"port {port} is neither 80 nor 443"
        return None


def ipv4_inside(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address stands for, by all the ways there are to write one in.

    A network's own NAT64 prefix (RFC 6052 allows any) cannot be told from other addresses, and is not looked for.
    """
    number = int(address)
    found: list[int] = []
    if number > 1 and any(address in network for network in _AT_THE_END):  # :: and ::1 are not IPv4-compatible
        found.append(number & _LOW_32)
    if address in _SIX_TO_FOUR:
        found.append(number >> 80 & _LOW_32)
    if address in _TEREDO:  # its server, and its client with all bits turned
        found += [number >> 64 & _LOW_32, ~number & _LOW_32]
    if number >> 32 & _ISATAP_MASK == _ISATAP:
        found.append(number & _LOW_32)
    return tuple(IPv4Address(each) for each in found)


def read_allowed(text: str) -> tuple[Allowed, ...]:
    """Read what the operator allows: networks or addresses separated by commas, each on one port if it ends in one.

    `10.20.0.0/16`, `127.0.0.1:11434`, `fd12::/16`, `[::1]:11434`. BadInput says what is wrong with which entry.
    """
    return tuple(_read_entry(entry.strip()) for entry in text.split(",") if entry.strip())


def _read_entry(entry: str) -> Allowed:
    match = _BRACKETS.fullmatch(entry) or _ONE_COLON.fullmatch(entry)
    written, digits = (match[1], match[2]) if match else (entry, None)
    port = None if digits is None else int(digits)
    if port is not None and not 1 <= port <= 65535:
        raise BadInput(f"{entry!r}: there is no port {port}; ports are 1 to 65535")
    try:
        network = ip_network(written.replace("%", "?"), strict=False)  # it would drop the name of an interface
    except ValueError:
        raise BadInput(
            f"{entry!r} is neither an address nor a network such as 10.20.0.0/16, 127.0.0.1:11434 or [::1]:11434; "
            "names cannot be allowed, as what they resolve to may change"
        ) from None
    # A slip in the prefix length opens more than was meant.
    if ip_address(written.partition("/")[0]) != network.network_address:
        raise BadInput(f"{entry!r} is an address with a prefix length; write {network} for its whole network")
    if network.prefixlen < _WIDEST[network.version]:
        raise BadInput(f"{entry!r} is too wide: at most /{_WIDEST[network.version]} can be allowed. Name the networks")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        raise BadInput(f"{entry!r} stands for IPv4 addresses; write them as IPv4")
    if any(_within(network, never) for never in _NEVER):
        raise BadInput(
            f"{entry!r} cannot be allowed: link-local, multicast and reserved addresses, and those at which clouds "
            "hand out a machine's credentials, are never asked"
        )
    return Allowed(network, port)


def _within(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(other, IPv4Network) and network.subnet_of(other)
    return isinstance(other, IPv6Network) and network.subnet_of(other)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return (
        address in _UNICAST_6
        and not any(address in network for network in _NOT_PUBLIC_6)
        and int(address) >> 32 & _ISATAP_MASK != _ISATAP
    )
