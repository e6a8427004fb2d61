"""A person's lists as tables: filters, order, parts, and plans about what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.manage import lists
from guanxi.manage.lists import LISTS, Query, among
from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.notes import keep, write_note
from guanxi.toolbox.planning import plan
from guanxi.toolbox.selection import Selection
from tests.counts import count
from tests.toolbox.archives import add_snapshot, item, new_archive

#: 2020-01-01 and 2024-01-01.
OLD, NEW = 1_577_836_800, 1_704_067_200


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as made:
        add_snapshot(
            made,
            NEW + 100,
            [(7, "friends"), (8, "O'Brien")],
            followings=[
                item(2, name="Cat", since=NEW, mutual=True, groups=[7]),
                item(3, name="dog 100%", since=OLD + 5, sign="likes cats", special=True),
                item(4, name="账号已注销", since=OLD, groups=[7, 8]),
                item(5, name="eel_", since=OLD - 1),
            ],
            followers=[
                item(2, name="Cat", since=OLD, mutual=True),
                item(9, name="fan", since=NEW, attribute=0),
            ],
            blocks=[item(30, name="cat burglar", since=OLD, attribute=128)],
            whispers=[item(40, since=OLD, attribute=1)],
        )
        write_note(made, 5, "the catalogue", NEW)
        keep(made, [3], "mine", NEW)
        made.db.execute(
            "INSERT INTO fact (mid, state, last_posted) VALUES (2, 'active', ?)", (OLD,)
        )
        yield made


def found(archive: Archive, name: str = "followings", **values: str) -> list[int]:
    query = Query.of(name, values)
    shown = [row["mid"] for row in lists.rows(archive, query, 0, 200)]
    assert sorted(shown) == sorted(lists.mids(archive, name, query.where))
    assert lists.count(archive, query) == len(shown)
    return shown


@pytest.mark.parametrize(
    ("values", "mids"),
    [
        ({}, [2, 3, 4, 5]),
        ({"q": "cat"}, [2, 3, 5]),  # by name, sign and note
        ({"q": "3"}, [3]),  # by mid
        ({"q": "100%"}, [3]),
        ({"q": "%"}, [3]),
        ({"q": "_"}, [5]),
        ({"q": "'"}, []),
        ({"group": "friends"}, [2, 4]),
        ({"group": "O'Brien"}, [4]),
        ({"grouped": "no"}, [3, 5]),
        ({"mutual": "yes"}, [2]),
        ({"special": "no"}, [2, 4, 5]),
        ({"state": "deregistered"}, [4]),
        ({"state": "unknown"}, [3, 5]),
        ({"noted": "yes"}, [5]),
        ({"kept": "yes"}, [3]),
        ({"after": "2020-01-01"}, [2, 3, 4]),
        ({"before": "2020-01-01"}, [5]),
        ({"posted_before": "2020-01-02"}, [2]),
        ({"posted_after": "2020-01-02"}, []),
        ({"q": "cat", "mutual": "no", "noted": "no"}, [3]),
        ({"unknown": "x", "mutual": "", "q": "  "}, [2, 3, 4, 5]),
    ],
)
def test_filters_combine(archive: Archive, values: dict[str, str], mids: list[int]) -> None:
    assert found(archive, **values) == mids


def test_each_list_has_its_filters(archive: Archive) -> None:
    assert found(archive, "followers", followed="no") == [9]
    assert found(archive, "followers", group="friends") == [9, 2]  # it has no such filter
    assert found(archive, "blocks", q="cat", before="2020-01-02") == [30]
    assert found(archive, "whispers") == [40]
    with pytest.raises(KeyError):
        Query.of("groups", {})


def test_order_is_chosen_and_turned(archive: Archive) -> None:
    assert found(archive, sort="name") == [2, 3, 5, 4]
    assert found(archive, sort="name", order="down") == [4, 5, 3, 2]
    assert found(archive, order="up") == [5, 4, 3, 2]
    assert found(archive, sort="sign") == [2, 3, 4, 5]  # cannot be sorted by
    # Whoever has no value comes last, either way.
    assert found(archive, sort="last_posted")[0] == 2
    assert found(archive, sort="last_posted", order="up")[0] == 2
    query = Query.of("followings", {})
    assert query.sorted_by("name").values() == {"sort": "name"}
    assert query.sorted_by("name").sorted_by("name").values() == {"sort": "name", "order": "down"}
    assert query.sorted_by("since").values() == {"order": "up"}


def test_parts_of_a_list_follow_each_other(archive: Archive) -> None:
    query = Query.of("followings", {})
    parts = [lists.rows(archive, query, start, 3) for start in (0, 3, 6)]
    assert [[row["mid"] for row in part] for part in parts] == [[2, 3, 4], [5], []]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"state": "asleep"}, "State: one of active, never_posted, banned, deregistered, unknown"),
        ({"mutual": "true"}, "Mutual: one of yes, no"),
        ({"before": "yesterday"}, "Since, before: a date such as 2020-01-31"),
        ({"q": "x" * 101}, "Search: at most 100 characters"),
        ({"q": "a\0b"}, "Search: at most 100 characters"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        Query.of("followings", values)


def test_groups_come_in_the_order_of_the_server(archive: Archive) -> None:
    assert lists.groups(archive) == {"friends": 2, "O'Brien": 1}


def test_a_plan_is_about_what_is_shown(archive: Archive, tmp_path: Path) -> None:
    query = Query.of("followings", {"group": "friends", "mutual": "no"})
    assert query.because == Text("分组：friends，互相关注：否", "Group: friends, Mutual: no")

    def planned(where: str) -> list[tuple[int | None, str]]:
        selection = Selection(where=where, because=str(query.because))
        made = plan(archive, tmp_path / "a.plan", "unfollow", selection, NEW)
        return [(act.mid, act.reason) for act in made.acts()]

    assert planned(query.where) == [(4, "Group: friends, Mutual: no")]
    assert [mid for mid, _ in planned(among([2, 5]))] == [5, 2]  # the oldest first
    everybody = Query.of("followings", {})
    assert everybody.because.en == "all of the list"
    assert [mid for mid, _ in planned(everybody.where)] == [5, 4, 2]  # 3 is kept


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=count(60, 300), deadline=None)
@given(values=st.dictionaries(st.sampled_from(["q", "group", "sort", "order"]), TEXT))
def test_any_text_is_a_value_and_never_sql(
    hypothesis_archive: Archive, values: dict[str, str]
) -> None:
    query = Query.of("followings", values)
    matching = set(lists.mids(hypothesis_archive, "followings", query.where))
    wanted = values.get("q", "").strip()
    names = {2: "Cat", 3: "dog 100%"}
    lower = str.maketrans({chr(code): chr(code + 32) for code in range(65, 91)})
    by_name = {
        mid
        for mid, name in names.items()
        if wanted.translate(lower) in name.translate(lower) or wanted == str(mid)
    }
    group = values.get("group", "").strip()
    assert matching == {mid for mid in by_name if not group}
    assert Query.of("followings", query.values()) == query


@pytest.fixture(scope="module")
def hypothesis_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with new_archive(tmp_path_factory.mktemp("lists")) as made:
        add_snapshot(made, NEW, [], followings=[item(2, name="Cat"), item(3, name="dog 100%")])
        yield made


def test_every_column_and_filter_of_a_list_exists(archive: Archive) -> None:
    for name, view in LISTS.items():
        row = lists.rows(archive, Query.of(name, {}), 0, 1)[0]
        assert {*view.columns, "mid"} <= {*row.keys()}
        assert {*view.shown} <= {*view.columns}
        for column in view.columns:
            if column != "sign":  # which has no order
                assert lists.rows(archive, Query(name, sort=column), 0, 1)
