"""Calls as the documents and the published package write them, where the two differ."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from guanxi import AnswerException, user
from guanxi.contract import errors
from guanxi.user import (
    ArticleOrder,
    AudioOrder,
    BangumiFollowStatus,
    BangumiType,
    ChannelOrder,
    Credential,
    User,
    _order,
    sync,
)
from tests.sdk.recorder import envelope

#: The methods without their types: the signatures have one of the two orders.
of_seven: Any = User(7, Credential("sess", "jct"))
DRAMA, WATCHED = BangumiType.DRAMA, BangumiFollowStatus.WATCHED

#: Positional arguments of equal calls: in the package's order, and in that of the documents.
BOTH_WAYS = [
    ("get_articles", (2, ArticleOrder.VIEW, 10), (ArticleOrder.VIEW, 2, 10)),
    ("get_articles", (2, ArticleOrder.VIEW), (ArticleOrder.VIEW, 2)),
    ("get_articles", (1, ArticleOrder.FAVORITE), (ArticleOrder.FAVORITE,)),
    ("get_subscribed_bangumi", (DRAMA, WATCHED, 3, 20), (3, 20, DRAMA, WATCHED)),
    ("get_subscribed_bangumi", (DRAMA, BangumiFollowStatus.ALL, 3, 20), (3, 20, DRAMA)),
    ("get_subscribed_bangumi", (BangumiType.BANGUMI, BangumiFollowStatus.ALL, 3, 20), (3, 20)),
    ("get_subscribed_bangumi", (BangumiType.BANGUMI, BangumiFollowStatus.ALL, 3), (3,)),
    ("get_channel_videos_series", (9, ChannelOrder.DEFAULT, 2, 10), (9, 2, 10)),
    ("get_channel_videos_series", (9, ChannelOrder.DEFAULT, 2), (9, 2)),
]


@pytest.mark.parametrize(("name", "package", "documents"), BOTH_WAYS)
def test_positional_arguments_are_accepted_in_both_orders(
    answering: Any, name: str, package: tuple[Any, ...], documents: tuple[Any, ...]
) -> None:
    method = getattr(of_seven, name)
    names = list(inspect.signature(method).parameters)[: len(package)]
    sync(method(**dict(zip(names, package, strict=True))))
    sync(method(*package))
    sync(method(*documents))
    by_name, by_package, by_documents = unsigned(answering)
    assert by_package == by_name
    assert by_documents == by_name


def unsigned(answering: Any) -> list[list[tuple[str, str]]]:
    """Return the query of each request, without the parts of its signature."""
    return [
        [pair for pair in request.query if pair[0] not in {"wts", "w_rid"}]
        for request in answering.requests()
    ]


def test_every_method_with_two_orders_is_tried() -> None:
    assert {name for name, *_ in BOTH_WAYS} == set(_order._DOCUMENTED)


def test_keywords_join_the_documents_order(answering: Any) -> None:
    sync(of_seven.get_channel_videos_series(9, 2, sort=ChannelOrder.CHANGE))
    sync(of_seven.get_articles(ArticleOrder.VIEW, ps=5))
    series, articles = answering.sent()
    assert (series["pn"], series["sort"]) == ("2", "asc")
    assert (articles["sort"], articles["ps"], articles["pn"]) == ("view", "5", "1")
    with pytest.raises(TypeError, match="order"):
        sync(of_seven.get_articles(ArticleOrder.VIEW, order=ArticleOrder.VIEW))
    with pytest.raises(TypeError, match="argument"):
        sync(of_seven.get_channel_videos_series(9, 2, 10, 4, 5))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("order", lambda: of_seven.get_articles(AudioOrder.VIEW, 1)),
        ("sort", lambda: of_seven.get_channel_videos_series(9, "x")),
        ("pn", lambda: of_seven.get_channel_videos_series(9, 0)),
        ("ps", lambda: of_seven.get_subscribed_bangumi(1, 31)),
        ("order", lambda: of_seven.get_articles(1, 2)),
    ],
)
def test_errors_name_the_argument_of_the_order_that_was_meant(
    answering: Any, name: str, call: Any
) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: "):
        sync(call())
    assert answering.server.received == []


def test_the_wrapped_methods_are_still_coroutine_functions_with_their_signature() -> None:
    for name in _order._DOCUMENTED:
        method = getattr(User, name)
        assert inspect.iscoroutinefunction(method)
        assert "000" in (method.__doc__ or "")


# Credentials


@pytest.mark.parametrize("function", [user.get_self_coins, user.get_self_jury_info])
def test_calls_without_arguments_are_of_the_environment_s_account(
    answering: Any, monkeypatch: pytest.MonkeyPatch, function: Any
) -> None:
    answering.body = envelope({"money": 3.5})
    with pytest.raises(errors.CredentialNoSessdataException):
        sync(function())
    assert answering.server.received == []
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    assert sync(function()) in (3.5, {"money": 3.5})
    (request,) = answering.requests()
    assert request.cookies == {"SESSDATA": "from-env"}


# name2uid_sync: 001 lists it as async


def test_names_are_found_awaited_and_plain(answering: Any) -> None:
    data = {"uid_list": [{"name": "a", "uid": "7"}]}
    answering.body = envelope(data)
    assert user.name2uid_sync("a") == data

    async def awaited() -> Any:
        return await user.name2uid_sync("a")

    assert sync(awaited()) == data
    both: Any = user.name2uid_sync
    assert asyncio.run(both("a")) == data
    assert sync(both("a")) == data

    assert [item["uid"] for item in user.name2uid_sync("a")["uid_list"]] == ["7"]
    both("a").close()
    with pytest.raises(KeyError):
        both("a").throw(KeyError("x"))


def test_names_without_data_raise(answering: Any) -> None:
    answering.body = {"code": 0}
    names: Any = user.name2uid_sync
    with pytest.raises(AnswerException):
        names("a")


# get_channel_list: without arguments in the documents, with a page in 17.4.2


def test_one_page_of_channels_is_requested_as_17_4_2_does(answering: Any) -> None:
    page = {"page_num": 2, "page_size": 5, "total": 12}
    data = {"items_lists": {"page": page, "seasons_list": [], "series_list": []}}
    answering.body = envelope(data)
    calls = [(2, 5), (2,), (1, 20)]
    for args in calls:
        assert sync(of_seven.get_channel_list(*args)) == data
    assert sync(of_seven.get_channel_list(ps=7)) == data
    sent = [(request["page_num"], request["page_size"]) for request in answering.sent()]
    assert sent == [("2", "5"), ("2", "20"), ("1", "20"), ("1", "7")]


def test_errors_of_a_channel_page_name_its_arguments(answering: Any) -> None:
    for name, args in (("pn", (0,)), ("ps", (1, -1))):
        with pytest.raises(ValueError, match=rf"^{name}: "):
            sync(of_seven.get_channel_list(*args))
    assert answering.server.received == []
