"""Permissions: one table, and each role may do all that the ones before it may."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest

from adjoin.access.permissions import LEAST, Permission, may, outranks, permissions_of, required
from adjoin.db.people import Role
from adjoin.errors import Forbidden
from adjoin.surface import v1 as surface


def test_the_table_has_every_permission() -> None:
    """A new one cannot be forgotten."""
    assert set(LEAST) == set(Permission)


def test_roles_are_those_of_the_surface_contract_in_order() -> None:
    """Plugins name the same ones."""
    assert tuple(Role) == get_args(surface.Role)


def test_each_role_may_do_more_than_the_one_before() -> None:
    """An owner may do everything."""
    for lower, higher in pairwise(Role):
        assert permissions_of(lower) < permissions_of(higher)
        assert outranks(higher, lower)
        assert not outranks(lower, higher)
        assert not outranks(lower, lower)
    assert permissions_of(Role.OWNER) == set(Permission)


@pytest.mark.parametrize(
    ("permission", "least"),
    [
        (Permission.READ_REPORTS, Role.VIEWER),
        (Permission.START_SYNCS, Role.ANALYST),
        (Permission.MANAGE_CONNECTIONS, Role.ADMIN),
        (Permission.MANAGE_MEMBERS, Role.ADMIN),
        (Permission.READ_AUDIT, Role.ADMIN),
        (Permission.DELETE_WORKSPACE, Role.OWNER),
        (Permission.TRANSFER_WORKSPACE, Role.OWNER),
    ],
)
def test_who_may(permission: Permission, least: Role) -> None:
    """From the least role on upwards."""
    for role in Role:
        allowed = role is least or outranks(role, least)
        assert may(role, permission) is allowed
        if allowed:
            required(role, permission)
        else:
            with pytest.raises(Forbidden, match=f"role {role} may not do this .*takes the role {least}"):
                required(role, permission)
