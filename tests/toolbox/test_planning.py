"""Plans: who is selected, in which order, who is left out, and what a person reads of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.contract.structs import RelationItem
from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import NoSuchSnapshot, SelectionError
from guanxi.toolbox.plan import Act, Plan, Relation
from guanxi.toolbox.planning import plan
from guanxi.toolbox.restoring import restore
from guanxi.toolbox.review import explain, review
from guanxi.toolbox.selection import Selection
from tests.counts import count
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

NOW = 1_700_000_000
GROUPS = [(7, "friends"), (8, "music")]
FOLLOWINGS = [
    item(6, name=DEREGISTERED_NAME),
    item(5, mutual=True),
    item(4, special=True, groups=[7]),
    item(3, groups=[7, 8]),
    item(2, name="Pianist"),
]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as opened:
        yield opened


def add(archive: Archive, followings: list[RelationItem] = FOLLOWINGS, **lists: object) -> int:
    complete: dict[str, object] = {"blocks": [], "followers": [], "whispers": [], **lists}
    return add_snapshot(archive, DAY, GROUPS, followings=followings, **complete)  # type: ignore[arg-type]


def write(archive: Archive, command: str, selection: Selection, **options: object) -> Plan:
    path = archive.path.with_name("plan")
    plan(archive, path, command, selection, NOW, **options)  # type: ignore[arg-type]
    return Plan.open(path)


def acts(written: Plan) -> list[tuple[int | None, str]]:
    return [(act.mid, act.reason) for act in written.acts()]


def out(written: Plan) -> list[tuple[int, str]]:
    return [(one.left_out, one.reason) for one in written.left_out()]


def fact(archive: Archive, mid: int, state: str, last_posted: int | None = None) -> None:
    with archive.transaction() as db:
        sql = "INSERT INTO fact (mid, state, last_posted) VALUES (?, ?, ?)"
        db.execute(sql, (mid, state, last_posted))


def mark(archive: Archive, mid: int, reason: str) -> None:
    with archive.transaction() as db:
        db.execute("INSERT INTO mark VALUES (?, ?, 0)", (mid, reason))


def file_of(archive: Archive, content: str, name: str = "ids") -> str:
    path = archive.path.with_name(name)
    path.write_text(content, "utf-8")
    return str(path)


def test_acts_have_the_reason_and_the_relation_of_the_snapshot(archive: Archive) -> None:
    add(archive)
    written = write(archive, "unfollow", Selection(where="groups LIKE '%friends%'"))
    assert list(written.acts()) == [
        Act(
            number,
            "unfollow",
            "where groups LIKE '%friends%'",
            mid,
            f"u{mid}",
            expect=Relation(2, special, groups, 1_000 + mid),
        )
        for number, mid, special, groups in (
            (1, 3, False, ("friends", "music")),
            (2, 4, True, ("friends",)),
        )
    ]
    header = written.header
    assert (header.command, header.snapshot, header.made) == ("unfollow", 1, NOW)
    assert (header.followings, header.change) == (5, -2)
    assert header.remarks == ("special among them (1): u4",)


def test_rules_combine_and_each_is_a_reason(archive: Archive) -> None:
    add(archive)
    selection = Selection(group=("friends", "music"), not_mutual=True, followed_within=NOW / DAY)
    written = write(archive, "unfollow", selection)
    assert acts(written)[0] == (
        3,
        "in the group [friends, music]; not mutual;"
        " followed within 19675.9 days [followed 1970-01-01]",
    )
    assert [mid for mid, _ in acts(written)] == [3, 4]
    assert Selection.parse(f"{written.header.selection} --to x") == Selection(
        group=("friends", "music"), not_mutual=True, followed_within=19675.9
    )
    assert acts(write(archive, "unfollow", Selection(ungrouped=True, deregistered=True))) == [
        (6, "deregistered; in no group")
    ]


def test_deregistered_in_all_groups(archive: Archive) -> None:
    """p4: over all groups at once."""
    add(archive)
    assert acts(write(archive, "unfollow", Selection(deregistered=True))) == [(6, "deregistered")]


def test_silent_is_neither_banned_nor_unknown(archive: Archive) -> None:
    """p6, p23: those silent for two years; other states and unread accounts are left out."""
    add(archive)
    fact(archive, 2, "active", NOW - 3 * 366 * DAY)
    fact(archive, 3, "active", NOW - 366 * DAY)
    fact(archive, 4, "banned", NOW - 9 * 366 * DAY)
    fact(archive, 5, "never_posted")
    written = write(archive, "unfollow", Selection(silent=2.0))
    assert acts(written) == [(2, "silent for 2 years [last posted 2020-11-11]")]
    assert out(written) == [
        (4, "not silent but banned"),
        (5, "not silent but never_posted"),
        (6, "not silent but deregistered"),
    ]
    with archive.transaction() as db:
        db.execute("DELETE FROM fact")
    unread = out(write(archive, "unfollow", Selection(silent=2.0, not_mutual=True)))
    assert [mid for mid, reason in unread if "unknown when" in reason] == [2, 3, 4]


def test_who_came_between_two_snapshots(archive: Archive) -> None:
    """p5: keep whom I followed at a given day, drop who came later."""
    add(archive)
    add(archive, [item(9, mutual=True), item(8), *FOLLOWINGS[1:]])
    written = write(archive, "unfollow", Selection(diff=(1, 2)))
    reason = "came between snapshots 1 and 2 [since 1970-01-01]"
    assert acts(written) == [(8, reason), (9, reason)]
    left = write(archive, "follow", Selection(diff=(1, 2), left=True))
    assert (acts(left), out(left)) == ([], [(6, "deregistered")])
    for number in (3, 0, 2**70):
        with pytest.raises(NoSuchSnapshot):
            write(archive, "unfollow", Selection(diff=(1, number)))
    add_snapshot(archive, DAY, followings=[item(10)], incomplete=["followings"])
    for between in ((2, 3), (3, 2)):
        with pytest.raises(SelectionError, match=r"snapshot 3 has no complete list of followings"):
            write(archive, "unfollow", Selection(diff=between))


def test_the_order_on_the_server_is_kept(archive: Archive) -> None:
    """Follows come in the order of the file, or the oldest first, also among equal times."""
    add(archive, [item(mid, since=500) for mid in (5, 9, 2, 7)])
    assert [mid for mid, _ in acts(write(archive, "unfollow", Selection(where="1")))] == [
        7,
        2,
        9,
        5,
    ]
    add(archive, [])
    back = write(archive, "follow", Selection(diff=(1, 2), left=True))
    assert [mid for mid, _ in acts(back)] == [7, 2, 9, 5]
    listed = write(archive, "follow", Selection(ids=file_of(archive, "9,nine\n7\n9\n8\n1\n")))
    assert [(act.mid, act.name) for act in listed.acts()] == [(9, "u9"), (7, "u7"), (8, "")]
    assert out(listed) == [(1, "the account itself")]


def test_what_is_followed_costs_nothing(archive: Archive) -> None:
    """p15: the cap is counted over what is new."""
    add(archive, blocks=[item(11, attribute=128)], whispers=[item(12, attribute=1)])
    mark(archive, 13, "a friend")  # a mark protects from what takes away, and this does not
    listed = file_of(archive, "2\n6\n11\n12\n13\n")
    written = write(archive, "follow", Selection(ids=listed))
    assert acts(written) == [(13, f"listed in {listed}")]
    assert out(written) == [
        (2, "already followed"),
        (6, "already followed"),
        (11, "blocked: unblock it first"),
        (12, "already followed silently"),
    ]
    assert (written.header.followings, written.header.change) == (5, 1)


def test_every_listed_account_is_in_or_left_out(archive: Archive) -> None:
    """p9: 168 in the list, 1 chosen, no reason."""
    add(archive)
    selection = Selection(ids=file_of(archive, "5\n3\n99,other\n"), not_mutual=True)
    written = write(archive, "unfollow", selection)
    assert [mid for mid, _ in acts(written)] == [3]
    assert out(written) == [
        (5, "the other rules do not match"),
        (99, "not among the followings of the snapshot"),
    ]


def test_the_kept_are_left_alone(archive: Archive) -> None:
    """p20: marks stay, and options keep groups, the special ones and files."""
    add(archive)
    mark(archive, 2, "my sister")
    everyone = Selection(where="1")
    kept = structs.replace(everyone, keep=("special", "music", file_of(archive, "5\n")))
    written = write(archive, "unfollow", kept)
    assert [mid for mid, _ in acts(written)] == [6]
    assert out(written) == [
        (2, "kept [my sister]"),
        (3, "kept [music]"),
        (4, "kept [special]"),
        (5, f"kept [{archive.path.with_name('ids')}]"),
    ]
    ignoring = write(archive, "unfollow", structs.replace(everyone, ignore_keep=True))
    assert [mid for mid, _ in acts(ignoring)] == [2, 3, 4, 5, 6]
    with pytest.raises(SelectionError, match="neither a group nor a file"):
        write(archive, "unfollow", structs.replace(everyone, keep=("nothing",)))


def test_a_list_to_block_names_whom_one_follows(archive: Archive) -> None:
    """p26: a shared block list contained my friends."""
    add(archive, blocks=[item(11, attribute=128)], whispers=[item(12, attribute=1)])
    mark(archive, 4, "a friend")
    listed = file_of(archive, "20\n3\n5\n11\n4\n12\n")
    written = write(archive, "block", Selection(ids=listed))
    assert acts(written) == [
        (5, f"listed in {listed}; mutual"),
        (3, f"listed in {listed}; you follow it"),
        (12, f"listed in {listed}; followed silently"),
        (20, f"listed in {listed}"),
    ]
    assert out(written) == [(4, "kept [a friend]"), (11, "already blocked")]
    assert written.header.remarks == (
        "followed among them (3), which a block ends: u3, u5, u12",
        "mutual among them (1): u5",
    )
    assert written.header.change == -2
    lifted = write(archive, "unblock", Selection(where="1"))
    assert [act.expect for act in lifted.acts()] == [Relation(128, since=1_011)]


def test_a_removed_follower_cannot_come_back(archive: Archive) -> None:
    """p12, p19: in bulk, with what the server did not show."""
    fans = [item(9, attribute=0), item(5, mutual=True)]
    add(archive, followers=fans)
    written = write(archive, "remove-follower", Selection(not_mutual=True))
    assert acts(written) == [(9, "not mutual")]
    assert written.header.remarks == ("undo cannot bring removed followers (1) back: u9",)
    listed = Selection(ids=file_of(archive, "9\n30\n"))
    assert out(write(archive, "remove-follower", listed)) == [
        (30, "not among the followers of the snapshot")
    ]
    followings = {"followings": FOLLOWINGS, "followers": fans}
    add_snapshot(archive, DAY, GROUPS, incomplete=["followers"], **followings)
    written = write(archive, "remove-follower", listed)
    assert [(act.mid, act.expect) for act in written.acts()] == [
        (9, Relation()),
        (30, None),  # beyond what the server shows: apply looks
    ]
    assert written.header.remarks[-1] == (
        "the snapshot has 2 of 102 followers: the others are not in this plan"
    )
    assert acts(write(archive, "follow", Selection(fans_not_followed=True))) == [
        (9, "follows you, not followed [since 1970-01-01]")
    ]


def test_a_list_of_ids_into_a_group(archive: Archive) -> None:
    """p7, p8: move or copy many, groups created first."""
    add(archive)
    listed = Selection(ids=file_of(archive, "3\n2\n4\n"))
    moved = write(archive, "group", listed, to=("new", "friends", "new "))
    assert [(act.act, act.mid or act.group, act.groups, act.special) for act in moved.acts()] == [
        ("create_group", "new", (), False),
        ("set_groups", 3, ("new", "friends"), False),
        ("set_groups", 2, ("new", "friends"), False),
        ("set_groups", 4, ("new", "friends"), True),
    ]
    copied = write(archive, "group", listed, to=("friends",), add=True)
    assert [(act.mid, act.groups) for act in copied.acts()] == [(2, ("friends",))]
    assert out(copied) == [(3, "already so"), (4, "already so")]
    for name in ("", "x" * 17, "a\nb", "特别关注"):
        with pytest.raises(SelectionError, match="cannot name a group"):
            write(archive, "group", listed, to=(name,))
    for options in ({}, {"to": ("a",), "rules": "r"}):
        with pytest.raises((SelectionError, OSError)):
            write(archive, "group", listed, **options)


RULES = """
fields = ["name", "note"]
[rules]
music = ["PIANO", "pian"]
keys = ["pianist"]
[manual]
3 = "friends"
4 = []
99 = "keys"
"""


def test_sorting_by_rules(archive: Archive) -> None:
    """p24: keywords in any case, and a table by hand that wins."""
    add(archive)
    with archive.transaction() as db:
        db.execute("INSERT INTO note VALUES (5, 'has a Piano', 0)")
    written = write(archive, "group", Selection(), rules=file_of(archive, RULES))
    assert [(act.mid, act.groups, act.reason) for act in written.acts()] == [
        (3, ("friends",), "→ friends [by hand]"),
        (2, ("music",), "→ music [pian ← name]"),
        (5, ("music",), "→ music [piano ← note]"),
        (4, (), "→ no group [by hand]"),
    ]
    assert out(written) == [(6, "no rule matches"), (99, "in [manual], not followed")]
    every = file_of(archive, f'mode = "all"\n{RULES}')
    written = write(archive, "group", Selection(where="mid = 2"), rules=every, add=True)
    assert [(act.act, act.group or act.groups) for act in written.acts()] == [
        ("create_group", "keys"),
        ("set_groups", ("music", "keys")),
    ]


@pytest.mark.parametrize(
    "rules",
    [
        "[rules",
        'mode = "some"',
        'field = ["name"]',
        'fields = ["face"]',
        '[rules]\nmusic = "piano"',
        '[rules]\nmusic = [" "]',
        f'[rules]\n{"x" * 17} = ["piano"]',
        '[manual]\nx = "music"',
        f'[manual]\n{"9" * 30} = "music"',
        '[manual]\n2 = "特别关注"',
    ],
)
def test_invalid_rules_are_refused(archive: Archive, rules: str) -> None:
    add(archive)
    with pytest.raises(SelectionError):
        write(archive, "group", Selection(), rules=file_of(archive, rules))
    assert not archive.path.with_name("plan").exists()


def test_special_on_and_off(archive: Archive) -> None:
    add(archive)
    on = write(archive, "special", Selection(group=("friends",)))
    assert [(act.mid, act.groups, act.special) for act in on.acts()] == [
        (3, ("friends", "music"), True)
    ]
    assert out(on) == [(4, "already special")]
    off = write(archive, "special", Selection(group=("friends",)), off=True)
    assert [(act.mid, act.groups, act.special) for act in off.acts()] == [(4, ("friends",), False)]


def test_an_older_snapshot_is_brought_back(archive: Archive) -> None:
    """p5: followings in their order with groups and special, blocks, and what cannot come back."""
    add(
        archive,
        blocks=[item(30, attribute=128), item(31, attribute=128)],
        whispers=[item(40, attribute=1)],
    )
    mark(archive, 31, "a friend")
    now = [item(9), item(5), item(2, groups=[9])]
    add_snapshot(
        archive,
        2 * DAY,
        [(9, "new"), (8, "music")],
        followings=now,
        blocks=[item(4, attribute=128)],
        whispers=[],
    )
    path = archive.path.with_name("plan")
    written = restore(archive, path, 1, NOW)
    assert [(act.act, act.mid or act.group, act.groups, act.special) for act in written.acts()] == [
        ("unblock", 4, (), False),
        ("create_group", "friends", (), False),
        ("follow", 3, (), False),
        ("follow", 4, (), False),
        ("set_groups", 3, ("friends", "music"), False),
        ("set_groups", 4, ("friends",), True),
        ("set_groups", 2, (), False),
        ("block", 30, (), False),
    ]
    assert [act.expect for act in written.acts()][-4:] == [
        Relation(2),
        Relation(2),
        Relation(2, groups=("new",), since=1_002),
        Relation(),
    ]
    assert out(written) == [(6, "deregistered"), (31, "kept [a friend]")]
    assert written.header.remarks == (
        "times of following (2) cannot come back; the old order can",
        "followings since then (1) stay: plan unfollow --diff 1 2 selects them",
        "silent followings (1) cannot come back",
    )
    assert written.header.change == 2
    ignoring = restore(archive, path, 1, NOW, ignore_keep=True)
    assert [act.mid for act in ignoring.acts()][-2:] == [30, 31]
    assert restore(archive, path, 2, NOW).header.total == 0
    add_snapshot(archive, DAY, GROUPS, followings=[], blocks=[], incomplete=["blocks"])
    unknown = restore(archive, path, 1, NOW)
    assert "block" not in unknown.header.acts
    assert "blocks are not compared" in unknown.header.remarks[-1]


def test_lists_that_are_not_complete_are_no_base(archive: Archive) -> None:
    """p2: nobody is planned because a list was not read to its end."""
    with pytest.raises(SelectionError, match="has no snapshot"):
        write(archive, "unfollow", Selection(where="1"))
    add_snapshot(archive, DAY, followings=FOLLOWINGS, incomplete=["followings"])
    for command, selection in (
        ("follow", Selection(ids=file_of(archive, "9\n"))),
        ("block", Selection(ids=file_of(archive, "9\n"))),
        ("special", Selection(where="1")),
        ("unfollow", Selection(ungrouped=True)),
        ("unfollow", Selection(group=("friends",))),
    ):
        with pytest.raises(SelectionError, match="no complete list of"):
            write(archive, command, selection)
    with pytest.raises(SelectionError, match="no complete list of"):
        restore(archive, archive.path.with_name("plan"), 1, NOW)
    listed = write(archive, "unfollow", Selection(ids=file_of(archive, "99\n3\n")))
    assert [(act.mid, act.expect is None) for act in listed.acts()] == [(99, True), (3, False)]


@pytest.mark.parametrize(
    "where",
    [
        "nothing = 1",
        "mutual; DELETE FROM item",
        "1) OR mid IN (DELETE FROM item RETURNING mid",
        "1) --",
        "mid = :rule",
        "1) ON CONFLICT DO UPDATE SET reason = (1",
        "abs(-9223372036854775807 - 1)",
    ],
)
def test_a_condition_only_reads(archive: Archive, where: str) -> None:
    add(archive)
    with pytest.raises(SelectionError, match="invalid SQL"):
        write(archive, "unfollow", Selection(where=where))
    assert not archive.path.with_name("plan").exists()
    assert len(acts(write(archive, "unfollow", Selection(where="1")))) == 5


def test_a_selection_that_does_not_fit_is_refused(archive: Archive) -> None:
    add(archive)
    for command, selection in (
        ("unfollow", Selection()),
        ("unfollow", Selection(group=("nobody",))),
        ("follow", Selection(not_mutual=True)),
        ("block", Selection(followed_within=1.0)),
        ("unfollow", Selection(ids=file_of(archive, "2\nx\n"))),
        ("unfollow", Selection(where="1", left=True)),
        ("unfollow", Selection(silent=float("nan"))),
        ("unfollow", Selection(silent=float("inf"))),
        ("unfollow", Selection(followed_within=1e30)),
        ("unfollow", Selection(followed_within=-1.0)),
    ):
        with pytest.raises(SelectionError):
            write(archive, command, selection)
    with pytest.raises(SelectionError, match="no other plan does"):
        write(archive, "unfollow", Selection(where="1"), to=("friends",))


def test_a_failed_plan_leaves_the_archive_and_the_old_plan(archive: Archive) -> None:
    add(archive)
    path = write(archive, "unfollow", Selection(where="1")).path
    before = path.read_bytes()
    with pytest.raises(SelectionError):
        write(archive, "unfollow", Selection(ids=file_of(archive, "2\n" * 9 + "x\n")))
    assert path.read_bytes() == before
    assert archive.rows("SELECT name FROM temp.sqlite_master") == []
    add(archive, [])  # and it can be written again


def test_a_plan_sees_one_state_of_the_archive(archive: Archive) -> None:
    add(archive)
    sql = "SELECT count(*) FROM followings"
    with Archive.open(archive.path) as other, archive.consistent():
        assert archive.rows(sql)[0][0] == 5
        add(other, [item(9)])
        assert archive.rows(sql)[0][0] == 5
        assert archive.newest() == 1
    assert archive.rows(sql)[0][0] == 1


def test_reasons_are_in_the_language_of_the_reader(archive: Archive) -> None:
    add(archive)

    def chinese(text: Text) -> str:
        return text.zh

    written = write(archive, "unfollow", Selection(not_mutual=True, ungrouped=True), words=chinese)
    assert {reason for _, reason in acts(written)} == {"未互相关注；未分组"}


@pytest.mark.long
def test_memory_does_not_grow_with_the_list(archive: Archive) -> None:
    size = count(10_000, 100_000)
    people = [item(mid, mutual=mid % 2 == 0, groups=[7] * (mid % 3)) for mid in range(size, 1, -1)]
    add(archive, people)
    add(archive, people[:10])
    rules = file_of(archive, '[rules]\nmusic = ["u"]\n', "rules")
    listed = file_of(archive, "".join(f"{mid}\n" for mid in range(2, size)))
    del people
    tracemalloc.start()
    try:
        written = write(archive, "follow", Selection(ids=listed))
        assert review(written).header.total == size - 11
        written = write(archive, "follow", Selection(diff=(1, 2), left=True))
        assert written.header.total == size - 11
        back = restore(archive, written.path.with_name("back"), 1, NOW)
        assert back.header.acts["follow"] == size - 11
        assert explain(written, size, archive)
        write(archive, "group", Selection(), rules=rules)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000
