"""The page of groups: who is in them, and plans that create, rename and delete one."""

from __future__ import annotations

import re

from guanxi import SyncClient
from tests.console.visitor import Visitor
from tests.manage.conftest import Manage


def groups(manage: Manage) -> dict[str, int]:
    """Return the account's own groups on the server, with how many are in each."""
    credential = manage.vault.load(manage.service.base_url, "1")
    with SyncClient(base_url=manage.service.base_url, credential=credential) as client:
        return {one.name: one.count for one in client.relation.groups() if one.id > 0}


def apply(manage: Manage, visitor: Visitor, home: str) -> None:
    """Apply the plan that is shown, and read the lists again."""
    visitor.submit("Apply now")
    manage.wait()
    visitor.visit(home)
    visitor.submit("Take a snapshot")
    manage.wait()
    visitor.visit(f"{home}/groups")


def test_a_group_is_created_filled_renamed_deleted_and_comes_back(
    at_home: tuple[Manage, Visitor, str],
) -> None:
    manage, visitor, home = at_home
    page = visitor.visit(f"{home}/groups")
    assert "No group yet" in page
    page = visitor.submit("Plan to create it", new=" fri&nds ")
    assert "Create the group · 1" in page
    assert groups(manage) == {}  # nothing happens before the plan is applied
    apply(manage, visitor, home)
    visitor.visit(f"{home}/lists/followings")
    visitor.submit("Make a plan", action="add", chosen="3", group_name="fri&nds")
    apply(manage, visitor, home)
    assert groups(manage) == {"fri&nds": 1}
    [address] = re.findall(r'href="([^"]*group=[^"]*)"', visitor.page)
    page = visitor.visit(f"{home}/lists/{address.rpartition('/')[2]}")
    assert "dog" in page
    assert "eel" not in page
    visitor.visit(f"{home}/groups")
    page = visitor.submit("Plan to rename it", new="pack")
    assert "it has a new id" in page
    apply(manage, visitor, home)
    assert groups(manage) == {"pack": 1}
    page = visitor.submit("Plan to delete it")
    assert "Set the groups of · 1" in page
    deleted = visitor.path
    apply(manage, visitor, home)
    assert groups(manage) == {}
    visitor.visit(deleted)
    visitor.submit("Plan to undo it")
    apply(manage, visitor, home)
    assert groups(manage) == {"pack": 1}
    assert manage.followings(1) == {2, 3, 4, 5}


def test_what_cannot_be_a_group_is_said(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    visitor.visit(f"{home}/groups")
    assert "cannot name a group" in visitor.submit("Plan to create it", new="特别关注")
    assert "there is no group x" in visitor.submit("Plan to create it", old="x", new="y")
    visitor.submit("Plan to create it", new="friends")
    apply(manage, visitor, home)
    assert "there is a group friends already" in visitor.submit("Plan to create it", new="friends")
