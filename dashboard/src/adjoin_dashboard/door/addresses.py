"""Where a request comes from, and which name it was sent to, also behind proxies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from adjoin.errors import BadInput

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Scope

__all__ = ["Proxies", "group_of"]

_MOST_HOPS = 20


class Proxies:
    """The reverse proxies whose word is taken: addresses and networks, separated by commas, such as 10.0.0.0/8.

    Raises BadInput for what is neither.
    """

    def __init__(self, text: str = "") -> None:
        self._networks = tuple(_network(part.strip()) for part in text.split(",") if part.strip())

    def client(self, scope: Scope, headers: Headers) -> str:
        """Return the address of who asks: the last one of X-Forwarded-For that is no proxy of ours.

        What stands before that address was written by the client and says nothing. Empty where it cannot be known.
        """
        peer = _peer(scope)
        if not self._trusts(peer):
            return peer
        return self._last_foreign(_parts(headers.getlist("x-forwarded-for"))) or peer

    def host(self, scope: Scope, headers: Headers) -> str:
        """Return the name and port a request was sent to. A proxy that changes it says so in X-Forwarded-Host."""
        if self._trusts(_peer(scope)):
            said = _parts(headers.getlist("x-forwarded-host"))
            if said:
                return said[-1]
        return headers.get("host", "")

    def _last_foreign(self, hops: Sequence[str]) -> str:
        known = ""
        for hop in reversed(hops[-_MOST_HOPS:]):
            read = _address(hop)
            if read is None:
                break
            known = str(read)
            if not self._trusts(known):
                break
        return known

    def _trusts(self, address: str) -> bool:
        if not self._networks:
            return False
        read = _address(address)
        return read is not None and any(
            read in network for network in self._networks if network.version == read.version
        )


def group_of(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or the /64 network of an IPv6 address."""
    read = _address(address)
    if isinstance(read, IPv6Address):
        return str(IPv6Network((read, 64), strict=False))
    return address[:64]


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _parts(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: with a port, in brackets, or an IPv4 address in the clothes of IPv6."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        read = ip_address(bare)
    except ValueError:
        return None
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:
        return read.ipv4_mapped
    return read


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise BadInput(
            f"ADJOIN_PROXIES: {text[:60]!r} is no address and no network; write 10.0.0.7 or 10.0.0.0/8, "
            "separated by commas"
        ) from None
