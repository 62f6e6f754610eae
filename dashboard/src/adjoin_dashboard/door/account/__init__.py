"""What people see and change of their own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["routes"]


def routes(host: Host) -> list[BaseRoute]:
    """Return the pages of the account. The gate keeps them for who is signed in."""
    from adjoin_dashboard.door.account import own_data, profile, prove, second_factor, sessions, ways_in

    modules = (profile, ways_in, second_factor, sessions, own_data, prove)
    return [route for module in modules for route in module.routes(host)]
