"""Who is above whom: managers over the world's accounts, and which of them a request may reach."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from adjoin.ads.v2 import AccountStatus
from adjoin.testing.world import Presence, WorldAccount
from adjoin_google.sandbox.errors import invalid, not_enabled, permission_denied

__all__ = ["Hierarchy", "Node"]

_ID = re.compile(r"\d{10}")
_STATUS = {
    AccountStatus.ACTIVE: "ENABLED",
    AccountStatus.LIMITED: "SUSPENDED",
    AccountStatus.DISABLED: "CANCELED",
    AccountStatus.CLOSED: "CLOSED",
    AccountStatus.UNKNOWN: "UNKNOWN",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A customer: a manager, or an account of the world."""

    id: str
    name: str
    currency: str
    time_zone: str
    status: str
    parent_id: str | None
    manager: bool = False

    @property
    def readable(self) -> bool:
        """Whether calls are answered: those on a suspended account are, on a cancelled one they are not."""
        return self.status not in ("CANCELED", "CLOSED")


class Hierarchy:
    """A manager over everything, and below it a second one over every other account of the world.

    The user is linked to the first manager, to the first account of the world, and to the disabled one.
    """

    def __init__(self, world: Presence, seed: int) -> None:
        self._world = world
        taken = {account.id for account in world.accounts}
        self.top_id = _made_up(f"manager-{seed}", taken)
        self.middle_id = _made_up(f"second-manager-{seed}", taken | {self.top_id})

    def nodes(self) -> dict[str, Node]:
        """All customers by id: managers first, accounts in the order of the world."""
        first = self._world.accounts[0]
        top = Node(
            id=self.top_id,
            name="Nordlicht Group",
            currency=first.currency,
            time_zone=first.time_zone,
            status="ENABLED",
            parent_id=None,
            manager=True,
        )
        middle = Node(
            id=self.middle_id,
            name="Nordlicht Agency",
            currency=first.currency,
            time_zone=first.time_zone,
            status="ENABLED",
            parent_id=self.top_id,
            manager=True,
        )
        accounts = (self._account(number, account) for number, account in enumerate(self._world.accounts))
        return {node.id: node for node in (top, middle, *accounts)}

    def _account(self, number: int, account: WorldAccount) -> Node:
        return Node(
            id=account.id,
            name=account.name,
            currency=account.currency,
            time_zone=account.time_zone,
            status=_STATUS[account.status],
            parent_id=self.middle_id if number % 2 else self.top_id,
        )

    def accessible(self) -> tuple[str, ...]:
        """The ids that the user is directly linked to, a cancelled one among them."""
        linked = [self.top_id, self._world.accounts[0].id]
        linked += [account.id for account in self._world.accounts if account.status is AccountStatus.DISABLED]
        return tuple(dict.fromkeys(linked))

    def below(self, root_id: str) -> Iterator[tuple[Node, int]]:
        """Yield a customer and all below it at any depth, each with its level: the root is at level 0."""
        nodes = self.nodes()
        level = {root_id: 0}
        yield nodes[root_id], 0
        for node in nodes.values():
            if node.parent_id in level:
                level[node.id] = level[node.parent_id] + 1
                yield node, level[node.id]

    def reach(self, customer_id: str, login_id: str | None) -> Node:
        """Return the customer of a request; refuses those that the user cannot reach the way the headers say."""
        nodes = self.nodes()
        if not _ID.fullmatch(customer_id) and customer_id not in nodes:
            raise invalid("requestError", "INVALID_CUSTOMER_ID", f"Invalid customer ID '{customer_id}'.")
        if login_id is not None and not _ID.fullmatch(login_id) and login_id not in nodes:
            raise invalid(
                "headerError",
                "INVALID_LOGIN_CUSTOMER_ID",
                f"The login customer ID '{login_id}' is not valid: it has 10 digits and no hyphens.",
            )
        through = customer_id if login_id is None else login_id
        node = nodes.get(customer_id)
        if node is None or through not in self.accessible() or through not in self._line(node, nodes):
            raise permission_denied()
        if not node.readable or not nodes[through].readable:
            raise not_enabled()
        return node

    def _line(self, node: Node, nodes: dict[str, Node]) -> list[str]:
        """The ids of a customer and of all above it."""
        line = [node.id]
        while (parent := nodes[line[-1]].parent_id) is not None:
            line.append(parent)
        return line


def _made_up(text: str, taken: set[str]) -> str:
    """Ten digits that follow from a text and belong to nobody else."""
    number = 1_000_000_000 + zlib.crc32(text.encode()) % 9_000_000_000
    while str(number) in taken:
        number += 1
    return str(number)
