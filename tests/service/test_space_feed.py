"""Dynamics in both feeds, and picture posts: every post once, in the right order."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import feed, profile
from guanxi.world.feed import PicturePost, Post, PostType
from tests.service.content_fixtures import ask, pages, put, read, someone, walk

_UNKNOWN_MID = 9_999_999_999
_POSTS, _PINNED, _PAGE = 30, 11, 12
_TYPES = list(PostType)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


@pytest.fixture(scope="module")
def other(service: RunningService) -> SignedIn:
    return someone(service, Card(name="原作者", face="https://face/o"))


@pytest.fixture(scope="module")
def owner(service: RunningService, other: SignedIn) -> SignedIn:
    card = Card(name="楼主", face="https://face/1", face_nft=1, official_type=0, official_desc="d")
    account = someone(service, card)
    put(
        service,
        account.mid,
        profile.PROFILE,
        profile.Profile(experience=1_500, pendant=s.Pendant(pid=8)),
    )
    put(service, account.mid, feed.POST, *(_post(account, other, n) for n in range(_POSTS)))
    return account


def _id(owner: SignedIn, n: int) -> int:
    return 10**18 + owner.mid * 1000 + n


def _post(owner: SignedIn, other: SignedIn, n: int) -> Post:
    kind = _TYPES[n % len(_TYPES)]
    origin = Post(id=_id(owner, 500 + n), type=PostType.WORD, time=5, text=f"原文{n}")
    return Post(
        id=_id(owner, n),
        type=kind,
        time=1_600_000_000 + n,
        text=f"说{n}",
        rid=7000 + n if kind in (PostType.VIDEO, PostType.ARTICLE, PostType.DRAW) else 0,
        title=f"题{n}",
        views=n,
        forwards=2 * n,
        comments=3 * n,
        likes=4 * n,
        pinned=n == _PINNED,
        origin=origin if kind is PostType.FORWARD else None,
        origin_mid=other.mid if kind is PostType.FORWARD else 0,
        pictures=(s.Picture("p", 1, 2, 3),) if kind is PostType.DRAW else (),
    )


def _newest(owner: SignedIn, *, without: int = -1) -> list[int]:
    return [_id(owner, n) for n in reversed(range(_POSTS)) if n != without]


# --- the newer feed ---


def test_the_pinned_dynamic_is_at_the_head_of_the_first_page_only(
    service: RunningService, owner: SignedIn
) -> None:
    id_pages = list(pages(service, e.DYNAMICS, host_mid=owner.mid))
    assert [len(page) for page in id_pages] == [_PAGE + 1, _PAGE, _POSTS - 1 - 2 * _PAGE]
    expected = [_id(owner, _PINNED), *_newest(owner, without=_PINNED)]
    assert [int(item) for page in id_pages for item in page] == expected
    first = read(service, e.DYNAMICS, host_mid=owner.mid)
    assert [item.modules.tag is not msgspec.UNSET for item in first.items] == [True] + [False] * 12
    assert first.offset == first.items[-1].id


def test_each_type_of_dynamic(service: RunningService, owner: SignedIn, other: SignedIn) -> None:
    items = {item.id: item for item in read(service, e.DYNAMICS, host_mid=owner.mid).items}
    types = set()
    for n in range(_POSTS - _PAGE, _POSTS):
        post, data = _post(owner, other, n), items[str(_id(owner, n))]
        types.add(data.type)
        assert data.type == post.type.value
        assert data.modules.content.desc.text == post.text
        counts = data.modules.counts
        assert (counts.like.count, counts.comment.count, counts.forward.count) == (
            post.likes,
            post.comments,
            post.forwards,
        )
        assert data.modules.author.pub_ts == post.time
        if post.type is PostType.VIDEO:
            assert data.modules.content.major.archive["bvid"] == bvid_of(post.rid)
        if post.type is PostType.FORWARD:
            origin = data.orig
            assert origin.modules.content.desc.text == f"原文{n}"
            assert (origin.modules.author.mid, origin.modules.author.name) == (other.mid, "原作者")
    assert types == {kind.value for kind in PostType}


def test_the_author_of_a_dynamic_is_read_from_card_and_profile(
    service: RunningService, owner: SignedIn
) -> None:
    author = read(service, e.DYNAMICS, host_mid=owner.mid).items[0].modules.author
    assert (author.mid, author.name, author.face) == (owner.mid, "楼主", "https://face/1")
    assert (author.face_nft, author.pendant.pid) == (True, 8)
    assert author.official_verify == s.OfficialVerify(0, "d")


def test_an_author_shows_whether_the_viewer_follows(
    service: RunningService, owner: SignedIn, other: SignedIn
) -> None:
    viewer = someone(service)
    assert ask(service, e.MODIFY, viewer, fid=other.mid, act=1, re_src=11).code == 0

    def following(session: SignedIn | None) -> tuple[object, object]:
        items = read(service, e.DYNAMICS, session, host_mid=owner.mid).items
        forward = next(item for item in items if item.type == PostType.FORWARD.value)
        return forward.modules.author.following, forward.orig.modules.author.following

    assert following(None) == (None, None)
    assert following(viewer) == (False, True)


def test_an_offset_selects_the_older_dynamics(service: RunningService, owner: SignedIn) -> None:
    def ids(offset: object) -> list[int]:
        data = read(service, e.DYNAMICS, host_mid=owner.mid, offset=offset)
        return [int(item.id) for item in data.items]

    newest = _newest(owner, without=_PINNED)
    assert ids(_id(owner, 20)) == [item for item in newest if item < _id(owner, 20)][:_PAGE]
    assert ids("9" * 19) == newest[:_PAGE]
    assert ids(_id(owner, 0)) == []
    assert ids(0) == ids("") == [_id(owner, _PINNED), *newest[:_PAGE]]


def test_an_offset_may_be_the_id_of_a_deleted_post(
    service: RunningService, owner: SignedIn
) -> None:
    account = someone(service)
    posts = [Post(id=_id(account, n), type=PostType.WORD, time=n) for n in range(20)]
    put(service, account.mid, feed.POST, *posts)
    first = read(service, e.DYNAMICS, host_mid=account.mid)
    service.do(lambda store: store.delete(feed.POST, account.mid, [int(first.offset)]))
    rest = read(service, e.DYNAMICS, host_mid=account.mid, offset=first.offset)
    assert [int(post.id) for post in rest.items] == [_id(account, n) for n in reversed(range(8))]


@pytest.mark.parametrize("offset", ["x", "-1", "1.0", "9" * 20])
def test_an_invalid_offset_is_refused(
    service: RunningService, owner: SignedIn, offset: str
) -> None:
    assert ask(service, e.DYNAMICS, host_mid=owner.mid, offset=offset).code == -400
    assert ask(service, e.OPUS, host_mid=owner.mid, offset=offset).code == -400


def test_an_account_without_unpinned_dynamics_has_one_page(service: RunningService) -> None:
    assert read(service, e.DYNAMICS, host_mid=_UNKNOWN_MID) == s.DynamicPage()
    alone = someone(service)
    put(
        service,
        alone.mid,
        feed.POST,
        Post(id=_id(alone, 1), type=PostType.WORD, time=1, pinned=True),
    )
    data = read(service, e.DYNAMICS, host_mid=alone.mid)
    assert ([item.id for item in data.items], data.has_more) == ([str(_id(alone, 1))], False)


# --- the older feed ---


def test_old_dynamics_without_need_top_are_newest_first(
    service: RunningService, owner: SignedIn
) -> None:
    id_pages = list(pages(service, e.OLD_DYNAMICS, host_uid=owner.mid))
    assert [len(page) for page in id_pages] == [12, 12, 6]
    assert [item for page in id_pages for item in page] == _newest(owner)


def test_old_dynamics_with_need_top_begin_with_the_pinned_post(
    service: RunningService, owner: SignedIn
) -> None:
    for need_top in ("1", "true"):
        ids = walk(service, e.OLD_DYNAMICS, host_uid=owner.mid, need_top=need_top)
        assert ids == [_id(owner, _PINNED), *_newest(owner, without=_PINNED)]
    first = read(service, e.OLD_DYNAMICS, host_uid=owner.mid, need_top=1)
    assert first.cards[0].extra == s.OldExtra(1)
    assert all(card.extra is msgspec.UNSET for card in first.cards[1:])
    plain = read(service, e.OLD_DYNAMICS, host_uid=owner.mid)
    assert all(card.extra is msgspec.UNSET for card in plain.cards)


def test_old_dynamics_have_description_and_json_card(
    service: RunningService, owner: SignedIn, other: SignedIn
) -> None:
    page = read(service, e.OLD_DYNAMICS, host_uid=owner.mid)
    assert (page.has_more, page.next_offset) == (1, page.cards[-1].desc.id)
    types = {PostType.FORWARD: 1, PostType.DRAW: 2, PostType.WORD: 4} | {
        PostType.VIDEO: 8,
        PostType.ARTICLE: 64,
    }
    for n, data in zip(reversed(range(_POSTS - _PAGE, _POSTS)), page.cards, strict=True):
        post, desc, card = _post(owner, other, n), data.desc, json.loads(data.card)
        assert (desc.id, desc.uid, desc.type) == (post.id, owner.mid, types[post.type])
        assert (desc.view, desc.repost, desc.comment, desc.like, desc.timestamp) == (
            post.views,
            post.forwards,
            post.comments,
            post.likes,
            post.time,
        )
        assert desc.user_profile.info == s.OldUser(owner.mid, "楼主", "https://face/1")
        assert desc.user_profile.level_info.current_level == 3
        assert desc.user_profile.pendant.pid == 8
        if post.type is PostType.FORWARD:
            assert desc.orig_dy_id == _id(owner, 500 + n)
            assert card["origin_user"]["info"]["uname"] == "原作者"
            assert json.loads(card["origin"])["item"]["content"] == f"原文{n}"
        if post.type is PostType.DRAW:
            assert card["item"]["pictures"] == [
                {"img_src": "p", "img_width": 1, "img_height": 2, "img_size": 3}
            ]


def test_the_last_page_of_the_older_feed_has_no_cards(
    service: RunningService, owner: SignedIn
) -> None:
    end = {"has_more": 0, "next_offset": 0}
    response = ask(service, e.OLD_DYNAMICS, host_uid=owner.mid, offset_dynamic_id=_id(owner, 0))
    assert response.body == {"code": 0, "msg": "success", "message": "success", "data": end}
    assert ask(service, e.OLD_DYNAMICS, host_uid=_UNKNOWN_MID).body["data"] == end
    for invalid in ({"offset_dynamic_id": 2**63}, {"offset_dynamic_id": -1}, {"need_top": 2}):
        assert ask(service, e.OLD_DYNAMICS, host_uid=1, **invalid).code == -400


# --- picture posts ---


def test_picture_posts_are_paged_and_filtered_by_type(service: RunningService) -> None:
    owner = someone(service)
    stored = [
        PicturePost(
            id=10**18 + n,
            of_article=n % 3 == 0,
            content=f"图{n}",
            cover=s.OpusCover(3, "u", 4) if n % 2 else None,
            likes=n,
            views=1000 + n,
        )
        for n in range(45)
    ]
    put(service, owner.mid, feed.PICTURE_POST, *stored)
    newest = [str(item.id) for item in reversed(stored)]
    id_pages = list(pages(service, e.OPUS, host_mid=owner.mid))
    assert [len(page) for page in id_pages] == [20, 20, 5]
    assert [item for page in id_pages for item in page] == newest
    articles = [str(item.id) for item in reversed(stored) if item.of_article]
    assert walk(service, e.OPUS, host_mid=owner.mid, type="article") == articles
    others = [item for item in newest if item not in articles]
    assert walk(service, e.OPUS, host_mid=owner.mid, type="dynamic") == others
    for viewer, views in ((owner, "1044"), (someone(service), None), (None, None)):
        first = read(service, e.OPUS, viewer, host_mid=owner.mid).items[:2]
        assert first[0].stat == s.OpusCounts("44", views if views is not None else msgspec.UNSET)
        assert (first[0].content, first[0].cover) == ("图44", msgspec.UNSET)
        assert first[1].cover == s.OpusCover(3, "u", 4)
    assert ask(service, e.OPUS, host_mid=owner.mid, type="none").code == -400
    assert read(service, e.OPUS, host_mid=_UNKNOWN_MID) == s.OpusPage()
