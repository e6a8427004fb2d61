"""Print what an account published, and what is yours, without async. For older releases.

    SESSDATA=... BILI_JCT=... python space_report.py NAME friends.pickle [SIZE]

friends.pickle keeps the accounts that you follow specially. SIZE is the number of items in a page.
"""

import copy
import os
import pickle
import sys
from pathlib import Path

from bilibili_api import Credential, settings, sync, user
from bilibili_api.exceptions import ApiException, ResponseCodeException

settings.proxy = ""
settings.timeout = 20

mine = Credential(sessdata=os.environ["SESSDATA"], bili_jct=os.environ["BILI_JCT"])


async def uids_of(names):
    found = await user.name2uid_sync(names)
    return [item["uid"] for item in found["uid_list"]]


async def channels(owner, pn):
    lists = (await owner.get_channel_list(pn, 20))["items_lists"]
    return lists["seasons_list"] + lists["series_list"]


def until_empty(read):
    items, pn = [], 1
    while page := sync(read(pn)):
        items += page
        pn += 1
    return items


def published(owner, size):
    articles = sync(owner.get_articles(user.ArticleOrder.VIEW, 1, size))["articles"]
    print("articles", *[article["id"] for article in articles])
    anime, any_progress = user.BangumiType.BANGUMI, user.BangumiFollowStatus.ALL
    bangumi = sync(owner.get_subscribed_bangumi(anime, any_progress, 1, size))["list"]
    print("bangumi", *[item["season_id"] for item in bangumi])
    for channel in until_empty(lambda pn: channels(owner, pn)):
        if id_ := channel["meta"].get("series_id"):
            print("series", id_, *sync(owner.get_channel_videos_series(id_, 1, size))["aids"])
    try:
        print("pinned", sync(owner.get_top_videos())["aid"])
    except ResponseCodeException as e:
        print("pinned", e.code, e.msg)


def main(name, friends_file, size="10"):
    [uid] = [item["uid"] for item in user.name2uid_sync(name)["uid_list"]]
    assert sync(uids_of([name])) == [uid]
    owner = user.User(uid)
    print("user", owner.uid, owner.get_user_info_sync()["name"])
    published(owner, int(size))
    print("coins", sync(user.get_self_coins()))
    print("jury", sync(user.get_self_jury_info())["status"])
    me = copy.copy(owner)
    me.credential = mine
    print("in common", sync(me.get_self_same_followers(1, 50))["total"])
    special = until_empty(lambda pn: user.get_self_special_followings(mine, pn, int(size)))
    friends = [user.User(str(mid), mine) for mid in special]
    Path(friends_file).write_bytes(pickle.dumps(friends))
    for friend in pickle.loads(Path(friends_file).read_bytes()):
        print("special", friend.get_uid(), sync(friend.get_relation_info())["follower"])


try:
    main(*sys.argv[1:])
except ValueError as e:
    sys.exit(f"bad argument: {e}")
except ApiException as e:
    sys.exit(f"{type(e).__name__}: {e}")
